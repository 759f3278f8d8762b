import { isIPv6 } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import { StreamError, TributaryError } from '../../shared/protocol/errors.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { DirectBalance } from './balance/direct-balance.ts';
import type { Attempt, UplinkMeasure } from './balance/uplink-measure.ts';
import type { Placed } from './balance/uplink-order.ts';
import type { DirectDialer } from './direct-dialer.ts';

/** What all races have. */
export interface RaceParts {
  readonly balance: DirectBalance;
  readonly dialer: Pick<DirectDialer, 'dial' | 'resolve'>;
  /** A connection was tried over an uplink: it was made, made too late, or failed. */
  onAttempt(uplinkName: string, result: AttemptResult): void;
  readonly clock: MonotonicClock;
}

export type AttemptResult = 'ok' | 'late' | 'failed';

/** A connection that was made, and over which uplink. */
export interface DirectConnection {
  readonly uplinkName: string;
  readonly origin: AppSocket;
}

export interface UplinkRaceOptions extends RaceParts {
  /** In the order in which they are tried; at least one. */
  readonly placed: readonly Placed[];
  /** Attempts that go on after another one has won, of all races. */
  readonly late: { count: number };
  readonly destination: Destination;
  readonly signal: CancelSignal;
}

/** How it ended: with a connection, or with why each attempt failed; with neither after the signal. */
export interface RaceOutcome {
  readonly connection?: DirectConnection;
  readonly errors: readonly TributaryError[];
}

/** An uplink that is usually slower than this is left alone for twice its usual time, within these bounds, before the next one starts. */
const NEXT_AFTER_MS = [250, 1_000] as const;
/** A backup costs something: a connection waits longer for those before it. */
const NEXT_GROUP_AFTER_MS = 1_500;
/** An attempt that has lost goes on for so long, since only its end tells whether its uplink is slow or dead. */
const LATE_MS = 3_000;
/** Of all races together. Beyond, the losers are given up at once, and say nothing of their uplinks. */
const MAX_LATE = 64;

/** What a dial says of this program and not of an uplink. */
const SAYS_NOTHING: ReadonlySet<string> = new Set(['cancelled', 'notAuthorized', 'resourceExceeded']);

const UNREACHABLE: ReadonlySet<string> = new Set(['networkFailure', 'destinationUnreachable']);

interface Running {
  readonly placed: Placed;
  readonly measure: UplinkMeasure;
  readonly attempt: Attempt;
  readonly cancellation: Cancellation;
  /** It has lost, and no longer takes a place among those. */
  onEnded?: () => void;
}

/**
 * One connection over the first of several uplinks that answers (Happy Eyeballs, RFC 8305, over uplinks in place of addresses). The next
 * uplink starts when one fails, or is silent for long. Which uplink is at fault is known when another has reached the same destination.
 */
export class UplinkRace {
  readonly #options: UplinkRaceOptions;
  readonly #waiting: Placed[];
  readonly #running = new Set<Running>();
  readonly #failed: Running[] = [];
  readonly #errors: TributaryError[] = [];
  #resolve!: (outcome: RaceOutcome) => void;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;
  #onAbort = () => this.#giveUp();

  constructor(options: UplinkRaceOptions) {
    this.#options = options;
    this.#waiting = [...options.placed];
  }

  /** To be called once. Never rejects. */
  run(): Promise<RaceOutcome> {
    const { signal } = this.#options;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      if (signal.aborted) return this.#giveUp();
      signal.addEventListener('abort', this.#onAbort);
      const first = this.#waiting[0]!;
      const trial = this.#takeTrial(first);
      this.#startNext();
      if (trial !== undefined) this.#start(trial);
    });
  }

  /** A suspect that is tried beside the first, so that nobody waits for it. */
  #takeTrial(first: Placed): Placed | undefined {
    const { balance, clock } = this.#options;
    if (first.isSuspect) return undefined;
    const trial = this.#waiting.find(
      ({ name, role, isSuspect }) =>
        isSuspect && role === first.role && balance.measureOf(name).takeTrial(clock()),
    );
    if (trial !== undefined) this.#waiting.splice(this.#waiting.indexOf(trial), 1);
    return trial;
  }

  #startNext(): void {
    clearTimeout(this.#timer);
    const next = this.#waiting.shift();
    if (next === undefined) {
      if (this.#running.size === 0) this.#settle({ errors: this.#errors });
      return;
    }
    this.#start(next);
    this.#armFor(this.#waiting[0], next);
  }

  #armFor(next: Placed | undefined, current: Placed): void {
    clearTimeout(this.#timer);
    if (this.#isOver || next === undefined) return;
    const [least, most] = NEXT_AFTER_MS;
    const usualMs = Math.min(most, Math.max(least, 2 * (current.connectMs ?? 0)));
    const waitMs = next.group > current.group && !next.isSuspect ? NEXT_GROUP_AFTER_MS : usualMs;
    this.#timer = setTimeout(() => this.#startNext(), waitMs);
  }

  #start(placed: Placed): void {
    const { balance, clock } = this.#options;
    const measure = balance.measureOf(placed.name);
    const running: Running = {
      placed,
      measure,
      attempt: measure.begin(clock()),
      cancellation: new Cancellation(),
    };
    this.#running.add(running);
    void this.#attempt(running);
  }

  async #attempt(running: Running): Promise<void> {
    const { dialer, destination, onAttempt, clock } = this.#options;
    const { placed, measure, attempt, cancellation } = running;
    try {
      const origin = await dialer.dial(placed.name, destination, cancellation, 'public');
      this.#ended(running);
      measure.answered(attempt, clock());
      onAttempt(placed.name, this.#isOver ? 'late' : 'ok');
      if (this.#isOver) origin.destroy();
      else this.#win({ uplinkName: placed.name, origin });
    } catch (error) {
      this.#ended(running);
      this.#onFailed(running, toError(error));
    }
  }

  #ended(running: Running): void {
    this.#running.delete(running);
    running.onEnded?.();
  }

  #onFailed(running: Running, error: TributaryError): void {
    const { onAttempt } = this.#options;
    const { placed, measure, attempt, cancellation } = running;
    const isLateFailure = this.#isOver && cancellation.aborted && cancellation.reason === TOO_LATE;
    if (!isLateFailure && (this.#saysNothing(error) || cancellation.aborted)) {
      measure.forget(attempt);
    } else {
      onAttempt(placed.name, 'failed');
      if (this.#isOver) this.#blame(running);
      else this.#failed.push(running);
    }
    if (this.#isOver) return;
    this.#errors.push(error);
    // A backup waits for those before it that may still answer.
    const next = this.#waiting[0];
    const hasBetter = next !== undefined && [...this.#running].some(({ placed: p }) => p.group < next.group);
    if (!hasBetter || this.#running.size === 0) this.#startNext();
  }

  /** Whether a failure says nothing of whether the uplink works. */
  #saysNothing({ code }: TributaryError): boolean {
    if (SAYS_NOTHING.has(code)) return true;
    // Many uplinks have IPv4 alone, and work.
    return isIPv6(this.#options.destination.host) && UNREACHABLE.has(code);
  }

  #win(connection: DirectConnection): void {
    this.#settle({ connection, errors: this.#errors });
    for (const running of this.#failed) this.#blame(running);
    for (const running of this.#running) this.#letRun(running);
  }

  #blame({ measure, attempt }: Running): void {
    measure.failed(attempt, this.#options.clock());
  }

  /** It has lost, and goes on for a while. */
  #letRun(running: Running): void {
    const { late } = this.#options;
    const { cancellation } = running;
    if (late.count >= MAX_LATE) {
      cancellation.abort();
      return;
    }
    late.count++;
    const timer = setTimeout(() => cancellation.abort(TOO_LATE), LATE_MS);
    running.onEnded = () => {
      late.count--;
      clearTimeout(timer);
    };
  }

  /** Nobody wants it any more. */
  #giveUp(): void {
    for (const { cancellation } of this.#running) cancellation.abort();
    this.#settle({ errors: [] });
  }

  #settle(outcome: RaceOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    // Nobody got through: that is the destination's, for all that is known.
    if (outcome.connection === undefined)
      for (const { measure, attempt } of this.#failed) measure.forget(attempt);
    this.#resolve(outcome);
  }
}

const TOO_LATE = Object.assign(new Error('no answer, while another uplink had one'), { code: 'ETIMEDOUT' });

function toError(error: unknown): TributaryError {
  if (error instanceof TributaryError) return error;
  return new StreamError('internalError', error instanceof Error ? error.message : `${error}`);
}
