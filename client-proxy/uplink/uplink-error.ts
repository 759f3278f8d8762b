import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import { CLOSED, errorWords } from '../../shared/runtime/text/error-words.ts';

/** A connection over an uplink failed; the message names the uplink, the reason and what to do. */
export class UplinkError extends TributaryError {
  constructor(uplink: string, code: ErrorName, message: string, options?: ErrorOptions) {
    super(code, `uplink ${uplink}: ${message}`, code === 'networkFailure' ? 'ours' : 'peer', options);
  }
}

/** The upstream proxy of an uplink itself was not reached. */
export class ProxyUnreachable extends UplinkError {
  constructor(uplink: string, failure: UplinkError) {
    super(uplink, failure.code, failureText(uplink, failure), { cause: failure.cause });
  }
}

/** What an error says of an uplink, for who knows which uplink it is about. */
export function failureText(uplink: string, error: Error): string {
  const message = errorWords(error);
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
  const { code = '', name = '' } = error as Partial<NodeJS.ErrnoException>;
  const meaning = MEANING[name === 'AbortError' ? 'ECANCELLED' : code] ?? 'networkFailure';
  const text = `no connection to ${peer}: ${errorWords(error)}${ADVICE[code] ?? ''}`;
  return new UplinkError(uplink, meaning, text, { cause: error });
}

const MEANING: Readonly<Record<string, ErrorName>> = {
  ECONNREFUSED: 'connectionRefused',
  ECONNRESET: 'connectionReset',
  [CLOSED]: 'connectionReset',
  ECANCELLED: 'cancelled',
  ETIMEDOUT: 'timedOut',
  EHOSTUNREACH: 'destinationUnreachable',
  EACCES: 'destinationUnreachable',
  EPERM: 'notAuthorized',
  ENETDOWN: 'networkFailure',
  ENETUNREACH: 'destinationUnreachable',
  ENOTFOUND: 'nameNotFound',
  EAI_AGAIN: 'nameNotFound',
};

const ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED: '; does anything listen there?',
  EHOSTUNREACH: ', or prohibited by a firewall on the way',
  EPERM: "; refused by this machine's own firewall: see `nft list ruleset`",
  EACCES: ': prohibited by a firewall or a route on the way',
};
