import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';

export interface SizeRace<Connection> {
  /** Lengths of packets in the order to try them, at least one; undefined stands for the full length. */
  readonly candidates: readonly (number | undefined)[];
  /**
   * Makes a connection and shows that it carries packets of this length both ways. `onConnected`: TCP is there, and what
   * follows takes a round trip each. `isHeard`: the other end has all that was sent, and may be too busy to answer.
   */
  connect(
    packetBytes: number | undefined,
    onConnected: (isHeard: () => boolean) => void,
    signal: CancelSignal,
  ): Promise<Connection>;
  /** Whether the kernel has sent shorter packets on this connection than it began with. */
  isLowered(connection: Connection): boolean;
  /** Whether a connection failed with this error since nothing came for too long, and not for a reason of its own. */
  isStandstill(error: unknown): boolean;
  /** What has become clear: up to this length packets get through; undefined stands for the full length. */
  onResult(packetBytes: number | undefined, connection: Connection): void;
  readonly clock: MonotonicClock;
  readonly signal: CancelSignal;
}

/** A connection that has said nothing for so long, and a round trip, is tried with shorter packets beside it. */
const STANDSTILL_MS = 250;
/**
 * One that has been heard, and not answered, for so long, has another beside it, and that one a last one after twice as long, with the
 * shortest packets: more would not help a concentrator that is busy, and it may be the answer that does not get through.
 */
const BUSY_MS = 1_000;
/** TLS and PROBE after TCP. */
const ROUND_TRIPS = 2;
/** A longer length may still get through for so long after a shorter one: it may have met with loss. */
const SETTLED_MS = 2_000;

/**
 * Connects with the longest packets that get through. Where a connection stands still once TCP is there, another is made beside it
 * with shorter ones; the first that carries wins, and the longer ones are given some time to prove that they do, too.
 * Rejects with the error of the last attempt when none is left, or with the signal's reason.
 */
export function raceSizes<Connection extends { destroy(): void }>(
  race: SizeRace<Connection>,
): Promise<Connection> {
  return new Promise((resolve, reject) => new Race(race, resolve, reject).start(0));
}

class Race<Connection extends { destroy(): void }> {
  readonly #race: SizeRace<Connection>;
  readonly #resolve: (connection: Connection) => void;
  readonly #reject: (error: unknown) => void;
  /** By place among the candidates, while under way. */
  readonly #underway = new Map<number, Cancellation>();
  #nextTimer: NodeJS.Timeout | undefined;
  #settledTimer: NodeJS.Timeout | undefined;
  #winner: { readonly index: number; readonly connection: Connection } | undefined;
  /** What was sent has arrived, and has not been answered: the other end is busy, or its answer does not get through. */
  #isHeard = false;
  /** The longest that failed then, and did not just stand still: that says nothing of lengths. */
  #failedIndex = Number.POSITIVE_INFINITY;
  #isOver = false;

  constructor(
    race: SizeRace<Connection>,
    resolve: (connection: Connection) => void,
    reject: (error: unknown) => void,
  ) {
    this.#race = race;
    this.#resolve = resolve;
    this.#reject = reject;
    race.signal.addEventListener('abort', this.#onAbort);
    if (race.signal.aborted) this.#onAbort();
  }

  start(index: number): void {
    if (this.#isOver) return;
    const { candidates, connect, clock } = this.#race;
    const cancellation = new Cancellation();
    this.#underway.set(index, cancellation);
    const startedMs = clock();
    const onConnected = (isHeard: () => boolean) => {
      if (this.#winner !== undefined || index + 1 >= candidates.length) return;
      const roundTripMs = clock() - startedMs;
      this.#nextTimer = setTimeout(
        () => {
          if (!isHeard()) this.start(index + 1);
          else this.#startBesideBusy(index);
        },
        STANDSTILL_MS + ROUND_TRIPS * roundTripMs,
      );
    };
    connect(candidates[index], onConnected, cancellation).then(
      (connection) => this.#onUp(index, connection),
      (error) => this.#onFailed(index, error),
    );
  }

  /** Connections stand still from `index` on, though what they have sent has arrived. */
  #startBesideBusy(index: number): void {
    this.#isHeard = true;
    const next = index === 0 ? 1 : this.#race.candidates.length - 1;
    this.#nextTimer = setTimeout(() => this.start(next), BUSY_MS * (index + 1) - STANDSTILL_MS);
  }

  #onUp(index: number, connection: Connection): void {
    this.#underway.delete(index);
    if (this.#isOver) {
      connection.destroy();
    } else if (this.#winner === undefined) {
      this.#win(index, connection);
    } else {
      // A longer one, slower: what was in its way was not its length, unless the kernel has shortened it by itself.
      if (!this.#race.isLowered(connection)) this.#end(this.#race.candidates[index]);
      connection.destroy();
    }
  }

  #win(index: number, connection: Connection): void {
    this.#winner = { index, connection };
    this.#forgetCaller();
    for (const [other, cancellation] of this.#underway) if (other > index) cancellation.abort();
    this.#resolve(connection);
    if (this.#underway.size === 0 || index === 0) this.#end(this.#race.candidates[index]);
    else this.#settledTimer = setTimeout(() => this.#end(this.#race.candidates[index]), SETTLED_MS).unref();
  }

  #onFailed(index: number, error: unknown): void {
    this.#underway.delete(index);
    if (this.#isOver) return;
    if (this.#isHeard && !this.#race.isStandstill(error))
      this.#failedIndex = Math.min(this.#failedIndex, index);
    if (this.#winner !== undefined) {
      if (this.#underway.size === 0) this.#end(this.#race.candidates[this.#winner.index]);
      return;
    }
    // Another is under way, or would have been if this one had stood still instead.
    if (this.#underway.size > 0) return;
    this.#isOver = true;
    this.#forgetCaller();
    this.#reject(error);
  }

  /** It is clear what gets through, or will not become so. */
  #end(packetBytes: number | undefined): void {
    this.#isOver = true;
    clearTimeout(this.#settledTimer);
    for (const cancellation of this.#underway.values()) cancellation.abort();
    if (this.#winner === undefined) return;
    if (this.#failedIndex < this.#race.candidates.indexOf(packetBytes)) return;
    this.#race.onResult(packetBytes, this.#winner.connection);
  }

  readonly #onAbort = (): void => {
    this.#isOver = true;
    this.#forgetCaller();
    for (const cancellation of this.#underway.values()) cancellation.abort();
    this.#reject(this.#race.signal.reason);
  };

  #forgetCaller(): void {
    clearTimeout(this.#nextTimer);
    this.#race.signal.removeEventListener('abort', this.#onAbort);
  }
}
