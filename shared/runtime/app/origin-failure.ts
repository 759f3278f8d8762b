import { type Destination, formatDestination } from '../../protocol/destination.ts';
import { type ErrorName, StreamError, TributaryError } from '../../protocol/errors.ts';
import type { CancelSignal } from '../async/cancellation.ts';
import { errorWords } from '../text/error-words.ts';

/** The error for a dial that failed: `cancelled` after `signal`, an error of ours as it is, else see `originFailure`. */
export function dialFailure(destination: Destination, cause: unknown, signal: CancelSignal): TributaryError {
  const where = formatDestination(destination);
  if (signal.aborted) return new StreamError('cancelled', `the dial of ${where} was given up`);
  if (cause instanceof TributaryError) return cause;
  return originFailure(where, cause instanceof AggregateError ? cause.errors : [cause]);
}

/** What the system's error (`ECONNREFUSED`) is called on the wire; undefined for one that says nothing of the other end. */
export function errnoName(code: string | undefined): ErrorName | undefined {
  return NAME_BY_ERRNO[code ?? ''];
}

/**
 * The one error that tells a client why no address of an origin could be connected to. Of several failures
 * the most telling counts: a refusal is an answer from the origin, an unreachable network is often only
 * the address family this machine lacks.
 */
function originFailure(destination: string, errors: readonly unknown[]): StreamError {
  const names = errors.map(nameOf);
  const name = MOST_TELLING_FIRST.find((candidate) => names.includes(candidate)) ?? 'internalError';
  const messages = [...new Set(errors.map(wordsAt))];
  const shown = messages.slice(0, MAX_MESSAGES);
  const more = messages.length > shown.length ? ` and ${messages.length - shown.length} more` : '';
  return new StreamError(name, `${destination} could not be connected to: ${shown.join('; ')}${more}`, {
    cause: errors.length === 1 ? errors[0] : new AggregateError(errors),
  });
}

/** Why one attempt failed, with the address that it was made to, if it is known. */
function wordsAt(error: unknown): string {
  const { address } = error as { address?: unknown };
  return typeof address === 'string' ? `${address}: ${errorWords(error)}` : errorWords(error);
}

/** Enough to see both families and a pattern, in one line of a log. */
const MAX_MESSAGES = 4;

const MOST_TELLING_FIRST: readonly ErrorName[] = [
  'resourceExceeded',
  'connectionRefused',
  'connectionReset',
  'timedOut',
  'destinationUnreachable',
  'notAuthorized',
  'networkFailure',
];

const NAME_BY_ERRNO: Readonly<Record<string, ErrorName>> = {
  ECONNREFUSED: 'connectionRefused',
  ECONNRESET: 'connectionReset',
  ECONNABORTED: 'connectionReset',
  ETIMEDOUT: 'timedOut',
  EHOSTUNREACH: 'destinationUnreachable',
  EHOSTDOWN: 'destinationUnreachable',
  ENETUNREACH: 'networkFailure',
  ENETDOWN: 'networkFailure',
  EADDRNOTAVAIL: 'networkFailure',
  EAFNOSUPPORT: 'networkFailure',
  // A packet filter of this machine.
  EACCES: 'notAuthorized',
  EPERM: 'notAuthorized',
  EMFILE: 'resourceExceeded',
  ENFILE: 'resourceExceeded',
  ENOBUFS: 'resourceExceeded',
  ENOMEM: 'resourceExceeded',
};

function nameOf(error: unknown): ErrorName {
  if (error instanceof TributaryError) return error.code;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return errnoName(code) ?? 'internalError';
}
