import { isIP } from 'node:net';
import type { ErrorName } from '../../shared/protocol/errors.ts';

/** What says that the concentrator may not reach a family at all; a refusal says that it does. */
const DOUBTFUL: ReadonlySet<ErrorName> = new Set(['networkFailure', 'destinationUnreachable', 'timedOut']);

/**
 * The address families in which the concentrator is known to reach origins.
 *
 * An application that asks for an address and not for a name has resolved the name itself, and has other addresses to fall back to
 * (Happy Eyeballs, RFC 8305) if it is told that this one cannot be reached. So success is promised only in a family in which the
 * last origin was reached. It learns from addresses alone: which family a name led to is not told.
 */
export class ProvenFamilies {
  readonly #proven = new Set<number>();

  /** Whether success may be promised for a host before its origin has answered. */
  mayPromise(host: string): boolean {
    const family = isIP(host);
    return family === 0 || this.#proven.has(family);
  }

  /** How an attempt to reach a host over the concentrator ended. */
  note(host: string, result: 'ok' | ErrorName): void {
    const family = isIP(host);
    if (family === 0) return;
    if (result === 'ok' || result === 'connectionRefused') this.#proven.add(family);
    else if (DOUBTFUL.has(result)) this.#proven.delete(family);
  }
}
