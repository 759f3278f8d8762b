import { RateEstimate } from './rate-estimate.ts';

/** A connection that is being made over an uplink. */
export interface Attempt {
  readonly startedMs: number;
}

/** Of a new connect time beside what is known. */
const CONNECT_GAIN = 1 / 4;
/** One failure beside a success elsewhere may be the destination's; two are the uplink's. */
const SUSPECT_AFTER = 2;
/** A suspect is tried again after so long, and twice as long each time, up to the second figure. */
const TRIAL_PAUSE_MS = [1_000, 30_000] as const;

/** What is known of one uplink from the connections that were made over it. */
export class UplinkMeasure {
  readonly rate = new RateEstimate();
  readonly #onSuspect: (isSuspect: boolean) => void;
  /** Under way, the oldest first; as many as there are connections being made. */
  readonly #pending = new Set<Attempt>();
  #connectMs: number | undefined;
  #failures = 0;
  #trialMs = Number.NEGATIVE_INFINITY;
  #pauseMs: number = TRIAL_PAUSE_MS[0];

  /** @param onSuspect told when it becomes a suspect, and when it is none any more */
  constructor(onSuspect: (isSuspect: boolean) => void = () => {}) {
    this.#onSuspect = onSuspect;
  }

  /** A connection is being made; `answered`, `failed` or `forget` ends it. */
  begin(nowMs: number): Attempt {
    const attempt = { startedMs: nowMs };
    this.#pending.add(attempt);
    return attempt;
  }

  answered(attempt: Attempt, nowMs: number): void {
    if (!this.#pending.delete(attempt)) return;
    const tookMs = nowMs - attempt.startedMs;
    this.#connectMs =
      this.#connectMs === undefined ? tookMs : this.#connectMs + CONNECT_GAIN * (tookMs - this.#connectMs);
    this.trust();
  }

  /** It failed, and the uplink is to blame. */
  failed(attempt: Attempt, nowMs: number): void {
    if (!this.#pending.delete(attempt)) return;
    this.#failures++;
    if (this.#failures !== SUSPECT_AFTER) return;
    this.#trialMs = nowMs + this.#pauseMs;
    this.#onSuspect(true);
  }

  /** It ended without saying anything about the uplink. */
  forget(attempt: Attempt): void {
    this.#pending.delete(attempt);
  }

  /** Whether it has failed where others did not: it is used when nothing else works. */
  get isSuspect(): boolean {
    return this.#failures >= SUSPECT_AFTER;
  }

  /** Whether a suspect may be tried beside another uplink now; if so, the next time is later. */
  takeTrial(nowMs: number): boolean {
    if (!this.isSuspect || nowMs < this.#trialMs) return false;
    this.#pauseMs = Math.min(2 * this.#pauseMs, TRIAL_PAUSE_MS[1]);
    this.#trialMs = nowMs + this.#pauseMs;
    return true;
  }

  /** It works, or what it stands on has changed. */
  trust(): void {
    const wasSuspect = this.isSuspect;
    this.#failures = 0;
    this.#pauseMs = TRIAL_PAUSE_MS[0];
    if (wasSuspect) this.#onSuspect(false);
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** How long a connection took to be made, smoothed; undefined where none was. */
  get connectMs(): number | undefined {
    return this.#connectMs;
  }

  /** How long one is expected to take now: at least as long as one that is overdue has taken so far. */
  expectedConnectMs(nowMs: number): number | undefined {
    for (const { startedMs } of this.#pending) {
      const waitedMs = nowMs - startedMs;
      if (waitedMs > Math.max(OVERDUE_MS, this.#connectMs ?? 0)) return waitedMs;
      break;
    }
    return this.#connectMs;
  }
}

/** Most connections are made in less, and it is what a race waits before it takes another uplink. */
const OVERDUE_MS = 250;
