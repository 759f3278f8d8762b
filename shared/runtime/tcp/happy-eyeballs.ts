import { isIPv4 } from 'node:net';
import { Cancellation, type CancelSignal } from '../async/cancellation.ts';

/** RFC 8305 section 5: the recommended Connection Attempt Delay. */
export const CONNECTION_ATTEMPT_DELAY_MS = 250;

export interface ConnectionRace<Address, T> {
  /** In the order to try them, at least one. */
  readonly addresses: readonly Address[];
  /** Opens one connection; rejects when it fails or `signal` aborts. */
  readonly connect: (address: Address, signal: CancelSignal) => Promise<T>;
  /** How long an attempt is left alone before the next one starts beside it. */
  readonly attemptDelayMs: number;
  /** For the race as a whole. */
  readonly timeoutMs: number;
  readonly signal: CancelSignal;
}

/**
 * The order to try addresses in: families alternate, each in its given order, `first` ahead
 * (RFC 8305 section 4 with a First Address Family Count of 1).
 *
 * @param hostOf the IP address in text form
 */
export function interleaveFamilies<Address>(
  addresses: readonly Address[],
  first: 4 | 6,
  hostOf: (address: Address) => string,
): Address[] {
  const ipv4 = addresses.filter((address) => isIPv4(hostOf(address)));
  const ipv6 = addresses.filter((address) => !isIPv4(hostOf(address)));
  const [lead, other] = first === 4 ? [ipv4, ipv6] : [ipv6, ipv4];
  const ordered: Address[] = [];
  for (let index = 0; index < Math.max(lead.length, other.length); index++) {
    ordered.push(...lead.slice(index, index + 1), ...other.slice(index, index + 1));
  }
  return ordered;
}

/**
 * Connects to the first of several addresses that answers (RFC 8305 section 5): attempts start one after another,
 * the next one at once when one fails, and `attemptDelayMs` after the last start otherwise. The first to succeed
 * wins; the others are aborted, and destroyed should they succeed all the same.
 *
 * Rejects with an AggregateError of all attempts' errors in the order they came (the last has code ETIMEDOUT
 * when the time is over), or with the signal's reason.
 */
export function raceConnections<Address, T extends { destroy(): void }>(
  race: ConnectionRace<Address, T>,
): Promise<{ connection: T; address: Address }> {
  const { addresses, connect, attemptDelayMs, timeoutMs, signal } = race;
  return new Promise((resolve, reject) => {
    const underway = new Set<Cancellation>();
    const errors: unknown[] = [];
    let started = 0;
    let settled = false;
    let nextTimer: NodeJS.Timeout | undefined;

    const settle = (how: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(nextTimer);
      clearTimeout(overallTimer);
      signal.removeEventListener('abort', onAbort);
      for (const attempt of underway) attempt.abort();
      how();
    };
    const onAbort = () => settle(() => reject(signal.reason));
    const fail = () => settle(() => reject(new AggregateError(errors, 'no address could be connected to')));
    const overallTimer = setTimeout(() => {
      errors.push(Object.assign(new Error(`no connection within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }));
      fail();
    }, timeoutMs);

    const attempt = async (address: Address) => {
      // One each, since a socket may stay bound to its signal for life: the winner's must never abort.
      const cancellation = new Cancellation();
      underway.add(cancellation);
      try {
        const connection = await connect(address, cancellation);
        underway.delete(cancellation);
        if (settled) connection.destroy();
        else settle(() => resolve({ connection, address }));
      } catch (error) {
        underway.delete(cancellation);
        errors.push(error);
        if (!settled) startNext();
      }
    };
    const startNext = () => {
      clearTimeout(nextTimer);
      if (started === addresses.length) {
        if (underway.size === 0) fail();
        return;
      }
      const address = addresses[started++]!;
      if (started < addresses.length) nextTimer = setTimeout(startNext, attemptDelayMs);
      void attempt(address);
    };

    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    startNext();
  });
}
