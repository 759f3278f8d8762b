import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';

/** The concentrator was reached, but what answered is not it, or does not speak our TLS. */
export class SubflowError extends TributaryError {
  constructor(code: ErrorName, message: string, options?: ErrorOptions) {
    super(code, message, 'peer', options);
  }
}
