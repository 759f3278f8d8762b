import { isIPv4 } from 'node:net';
import { Cancellation, type CancelSignal } from '../async/cancellation.ts';
import { lateTimeout } from '../async/late-timeout.ts';

/** RFC 8305 section 5: the recommended Connection Attempt Delay. */
export const CONNECTION_ATTEMPT_DELAY_MS = 250;

export interface ConnectionRace<Address, T> {
  /** In the order to try them, at least one. */
  readonly addresses: readonly Address[];
  /** Further ones that are looked for meanwhile, each in the order to try them; the race waits for all. They never reject. */
  readonly more?: readonly Promise<readonly Address[]>[] | undefined;
  /** Opens one connection; rejects when it fails or `signal` aborts. */
  readonly connect: (address: Address, signal: CancelSignal) => Promise<T>;
  /** How long an attempt is left alone before the next one starts beside it. */
  readonly attemptDelayMs: number;
  /** How many attempts there may be at a time; any number where absent. */
  readonly limit?: AttemptLimit | undefined;
  /** For the race as a whole. */
  readonly timeoutMs: number;
  readonly signal: CancelSignal;
}

/** Bounds the attempts of a race that are under way at a time. */
export interface AttemptLimit {
  readonly maxUnderway: number;
  /** At the bound, the oldest attempt gives way to the next address after so long; after that, one each second `attemptDelayMs`. */
  readonly patienceMs: number;
  /** Takes what each attempt beside another one needs besides; returns how to give it back, or undefined where there is no more. */
  takeAnother(): (() => void) | undefined;
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
 * wins; the others are aborted, and destroyed should they succeed all the same. At the limit, attempts that have been silent
 * for longest give way, so that the last address is tried, too.
 *
 * Rejects with an AggregateError of all attempts' errors in the order they came (the last has code ETIMEDOUT
 * when the time is over), or with the signal's reason.
 */
export function raceConnections<Address, T extends { destroy(): void }>(
  race: ConnectionRace<Address, T>,
): Promise<{ connection: T; address: Address }> {
  const { more = [], connect, attemptDelayMs, limit, timeoutMs, signal } = race;
  const addresses = [...race.addresses];
  let awaited = more.length;
  return new Promise((resolve, reject) => {
    const underway = new Set<Cancellation>();
    const room = new AttemptRoom(limit);
    const errors: unknown[] = [];
    let started = 0;
    let settled = false;
    let nextTimer: NodeJS.Timeout | undefined;

    const settle = (how: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(nextTimer);
      clearOverall();
      signal.removeEventListener('abort', onAbort);
      for (const attempt of underway) attempt.abort();
      how();
    };
    const onAbort = () => settle(() => reject(signal.reason));
    const fail = () => settle(() => reject(new AggregateError(errors, 'no address could be connected to')));
    const clearOverall = lateTimeout(() => {
      errors.push(timedOut(`no connection within ${timeoutMs} ms`));
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
      } finally {
        room.shrinkTo(underway.size);
      }
    };
    const startNext = () => {
      clearTimeout(nextTimer);
      if (started === addresses.length) {
        if (underway.size === 0 && awaited === 0) fail();
        return;
      }
      if (!room.growTo(underway.size + 1)) {
        nextTimer = setTimeout(giveWay, room.takeTurnMs(attemptDelayMs));
        return;
      }
      const address = addresses[started++]!;
      // One that is found meanwhile does not wait: those before it had their time.
      if (started < addresses.length) nextTimer = setTimeout(startNext, attemptDelayMs);
      void attempt(address);
    };
    /** Its failure starts the next one. */
    const giveWay = () => {
      const [oldest] = underway;
      oldest?.abort(timedOut('no answer for too long, with other addresses left to try'));
    };

    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    startNext();
    const onFound = (others: readonly Address[]) => {
      awaited--;
      const wasDone = started === addresses.length;
      addresses.push(...others);
      if (wasDone && !settled) startNext();
    };
    for (const found of more) void found.then(onFound);
  });
}

/** What the attempts of a race may take up. The first needs nothing. */
class AttemptRoom {
  readonly #limit: AttemptLimit | undefined;
  readonly #extras: (() => void)[] = [];
  #hasWaited = false;

  constructor(limit: AttemptLimit | undefined) {
    this.#limit = limit;
  }

  /** @returns whether there may be so many attempts at a time */
  growTo(count: number): boolean {
    if (this.#limit === undefined || count <= this.#extras.length + 1) return true;
    const extra = count > this.#limit.maxUnderway ? undefined : this.#limit.takeAnother();
    if (extra === undefined) return false;
    this.#extras.push(extra);
    return true;
  }

  shrinkTo(count: number): void {
    while (this.#extras.length > Math.max(0, count - 1)) this.#extras.pop()?.();
  }

  /** How long the oldest attempt is left alone once there is no room for another. */
  takeTurnMs(attemptDelayMs: number): number {
    const waitMs = this.#hasWaited ? attemptDelayMs : (this.#limit?.patienceMs ?? attemptDelayMs);
    this.#hasWaited = true;
    return waitMs;
  }
}

function timedOut(message: string): Error {
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' });
}
