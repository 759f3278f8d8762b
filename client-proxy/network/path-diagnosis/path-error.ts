import type { ErrorName } from '../../../shared/protocol/errors.ts';
import { UplinkError } from '../../uplink/uplink-error.ts';
import type { FindingCode } from '../finding.ts';

/** An address could not be reached over an uplink, and it is known why. */
export class PathError extends UplinkError {
  readonly finding: FindingCode;

  /** @param message says what is wrong and what mends it, in one line */
  constructor(
    uplink: string,
    code: ErrorName,
    finding: FindingCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(uplink, code, message, options);
    this.finding = finding;
  }
}
