import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { FallbackSettings } from '../config/client-config.ts';
import { FallbackState, type Reachability } from './fallback-state.ts';

export interface FallbackOptions {
  /** Absent: there is none. */
  readonly settings: FallbackSettings | undefined;
  reachability(): Reachability;
  /** New connections may go directly from now on: so may those that wait for a session. */
  onDirect(): void;
  /** It has begun, or ended: what is kept for requests to come goes the other way. */
  onSwitched(): void;
  /** The concentrator is to be dialled now, where that waits after a failure: whoever is outside of the tunnel wants to be back soon. */
  redial(): void;
  readonly clock: MonotonicClock;
  /** Bounded: a concentrator can come and go as often as it likes. */
  readonly logger: LineLog;
}

/** While it is due and no network is there yet. */
const LOOK_AGAIN_MS = 500;
/** A concentrator that returns is found within so long, */
const REDIAL_EVERY_MS = 1_500;
/** for so long: dials cost packets, and who is away for longer is found by the usual pauses. */
const REDIAL_FOR_MS = 600_000;

/** Sends new connections past a concentrator that cannot be reached for a while, and back when it can be. */
export class Fallback {
  readonly #options: FallbackOptions;
  readonly #state: FallbackState;
  #settings: FallbackSettings | undefined;
  #timer: NodeJS.Timeout | undefined;
  #redials: NodeJS.Timeout | undefined;
  #isRunning = false;
  #begunCount = 0;

  constructor(options: FallbackOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#state = new FallbackState(afterMsOf(options.settings));
  }

  /** How often it has begun. */
  get begunCount(): number {
    return this.#begunCount;
  }

  get isActive(): boolean {
    return this.#state.isActive;
  }

  /** Whether a connection that is asked for now goes directly. Without any network it waits for a session, and with that for the network. */
  get takesOver(): boolean {
    return this.isActive && this.#options.reachability().isDirectPossible;
  }

  /** The client wants a session from now on. */
  start(): void {
    this.#isRunning = true;
    this.look();
  }

  stop(): void {
    this.#isRunning = false;
    clearTimeout(this.#timer);
    clearInterval(this.#redials);
  }

  configure(settings: FallbackSettings | undefined): void {
    this.#settings = settings;
    this.#state.configure(afterMsOf(settings));
    this.look();
  }

  /** The session or the network may be another one now. */
  look(): void {
    if (!this.#isRunning || (this.#settings === undefined && !this.isActive)) return;
    const { clock, reachability, logger, onDirect, onSwitched } = this.#options;
    const nowMs = clock();
    const now = reachability();
    const change = this.#state.look(now, nowMs);
    switch (change) {
      case 'begun':
        this.#begunCount++;
        logger.warn(
          { afterMs: this.#settings?.afterMs },
          'the concentrator cannot be reached: new connections go directly, outside of the tunnel (fallback)',
        );
        this.#redial(nowMs + REDIAL_FOR_MS);
        break;
      case 'ended':
        clearInterval(this.#redials);
        logger.info({}, 'the fallback ends: new connections go through the concentrator again');
    }
    if (change !== undefined) onSwitched();
    if (this.isActive && now.isDirectPossible) onDirect();
    clearTimeout(this.#timer);
    const { dueMs } = this.#state;
    if (dueMs === undefined) return;
    const waitMs = dueMs > nowMs ? Math.ceil(dueMs - nowMs) : LOOK_AGAIN_MS;
    this.#timer = setTimeout(() => this.look(), waitMs);
  }

  #redial(untilMs: number): void {
    const { clock, redial } = this.#options;
    this.#redials = setInterval(() => {
      if (clock() < untilMs) redial();
      else clearInterval(this.#redials);
    }, REDIAL_EVERY_MS);
  }
}

function afterMsOf(settings: FallbackSettings | undefined): number {
  return settings?.afterMs ?? Number.POSITIVE_INFINITY;
}
