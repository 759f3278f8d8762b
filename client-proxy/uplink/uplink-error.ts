import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';

/** A connection over an uplink failed; the message names the uplink, the reason and what to do. */
export class UplinkError extends TributaryError {
  constructor(uplink: string, code: ErrorName, message: string, options?: ErrorOptions) {
    super(code, `uplink ${uplink}: ${message}`, code === 'networkFailure' ? 'ours' : 'peer', options);
  }
}

/** What an error says of an uplink, for who knows which uplink it is about. */
export function failureText(uplink: string, { message }: Error): string {
  const prefix = `uplink ${uplink}: `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}

/**
 * What a failed attempt to reach `peer` (a text for the message) means, from Node's error or an abort signal's
 * reason; an `UplinkError` says it already.
 */
export function connectFailure(uplink: string, peer: string, error: unknown): UplinkError {
  if (error instanceof UplinkError) return error;
  if (error instanceof TributaryError) {
    return new UplinkError(uplink, error.code, `no connection to ${peer}: ${error.message}`, {
      cause: error,
    });
  }
  const { code, name, message }: NodeJS.ErrnoException =
    error instanceof Error ? error : new Error(`${error}`);
  const key = name === 'AbortError' ? name : (code ?? '');
  const [meaning, text] = MEANING[key] ?? ['networkFailure', message];
  return new UplinkError(uplink, meaning, `no connection to ${peer}: ${text}`, { cause: error });
}

const MEANING: Readonly<Record<string, readonly [ErrorName, string]>> = {
  ECONNREFUSED: ['connectionRefused', 'refused (ECONNREFUSED); does anything listen there?'],
  ECONNRESET: ['connectionReset', 'reset (ECONNRESET)'],
  AbortError: ['cancelled', 'no longer wanted'],
  ETIMEDOUT: ['timedOut', 'no answer in time (ETIMEDOUT)'],
  EHOSTUNREACH: [
    'destinationUnreachable',
    'host unreachable, or prohibited by a firewall on the way (EHOSTUNREACH)',
  ],
  ENETUNREACH: ['destinationUnreachable', 'no route over this uplink (ENETUNREACH)'],
  EPERM: ['notAuthorized', "refused by this machine's own firewall (EPERM); see `nft list ruleset`"],
  EACCES: ['destinationUnreachable', 'prohibited by a firewall or a route on the way (EACCES)'],
  ENETDOWN: ['networkFailure', 'the interface is down (ENETDOWN)'],
  ENOTFOUND: ['nameNotFound', 'the name does not resolve (ENOTFOUND)'],
  EAI_AGAIN: ['nameNotFound', 'the name server does not answer (EAI_AGAIN)'],
};
