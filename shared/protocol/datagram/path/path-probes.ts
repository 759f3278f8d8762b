import type { Now } from '../../now.ts';

export interface PathProbeTuning {
  /** A path whose peer does not answer is asked after so long, twice as long each time, */
  readonly firstMs: number;
  /** up to this, */
  readonly mostMs: number;
  /** and when it never did for this long, this seldom: something on the way takes no UDP. */
  readonly refusedAfterMs: number;
  readonly refusedMs: number;
  /** One that was heard a moment ago is asked this often, */
  readonly silentMs: number;
  /** for so long. */
  readonly silentForMs: number;
  /** One that was silent until a moment ago, this often: it is wanted back as soon as it is as it was. */
  readonly recoveringMs: number;
  /** One on which nothing else was sent is asked this often: NATs remember UDP for 30 s at least (RFC 4787 asks for 2 minutes). */
  readonly idleMs: number;
  readonly meteredIdleMs: number;
  /** One that stands by for a flow in which every millisecond counts is asked this often. */
  readonly standbyMs: number;
  /** So long after a flow's last datagram its other paths are kept warm. */
  readonly standbyForMs: number;
  readonly meteredStandbyMs: number;
  /** One that costs by the byte is not asked because others are late if it was asked so short a time before. */
  readonly meteredAskMs: number;
}

export const PATH_PROBE_TUNING: PathProbeTuning = {
  firstMs: 50,
  mostMs: 1_000,
  refusedAfterMs: 30_000,
  refusedMs: 15_000,
  silentMs: 50,
  silentForMs: 1_000,
  recoveringMs: 100,
  idleMs: 15_000,
  meteredIdleMs: 25_000,
  standbyMs: 500,
  standbyForMs: 1_000,
  meteredStandbyMs: 5_000,
  meteredAskMs: 1_000,
};

/** What of its path decides when that is asked. */
export interface ProbedPath {
  readonly isValidated: boolean;
  readonly isLate: boolean;
  readonly isRecovering: boolean;
  readonly unheardMs: number;
}

/** When a path is asked for a sign of life, by PATH. */
export class PathProbes {
  readonly #now: Now;
  readonly #tuning: PathProbeTuning;
  readonly #path: ProbedPath;
  readonly #uplink: { readonly isMetered: boolean };
  readonly #beganMs: number;
  #lastSentMs = Number.NEGATIVE_INFINITY;
  #tries = 0;
  #standbyUntilMs = Number.NEGATIVE_INFINITY;
  #isWanted = false;

  constructor(
    path: ProbedPath,
    uplink: { readonly isMetered: boolean },
    now: Now,
    tuning: PathProbeTuning = PATH_PROBE_TUNING,
  ) {
    this.#path = path;
    this.#uplink = uplink;
    this.#now = now;
    this.#tuning = tuning;
    this.#beganMs = now.ms;
  }

  /** When it is to be asked next, if nothing else that is short enough for any path is sent until then. */
  get nextMs(): number {
    return this.#isWanted ? this.#lastSentMs : this.#lastSentMs + this.#intervalMs;
  }

  /** It is to be asked now, unless something was sent since then. */
  ask(sinceMs: number): void {
    const knownMs = this.#uplink.isMetered ? this.#tuning.meteredAskMs : 0;
    if (this.#lastSentMs < sinceMs - knownMs) this.#isWanted = true;
  }

  /** A flow in which every millisecond counts may need it from one moment to the next. */
  standBy(): void {
    this.#standbyUntilMs = this.#now.ms + this.#tuning.standbyForMs;
  }

  /** Something that the peer gives feedback about was sent, and is not longer than what any path takes. */
  onSent(isProbe: boolean): void {
    this.#lastSentMs = this.#now.ms;
    this.#isWanted = false;
    if (isProbe) this.#tries++;
  }

  /** Something new was confirmed. */
  onHeard(): void {
    this.#tries = 0;
  }

  get #intervalMs(): number {
    const t = this.#tuning;
    const { isValidated, isLate, isRecovering, unheardMs } = this.#path;
    const { isMetered } = this.#uplink;
    if (!isValidated) {
      if (this.#now.ms - this.#beganMs >= t.refusedAfterMs) return t.refusedMs;
      return this.#tries === 0 ? Number.NEGATIVE_INFINITY : this.#backedOffMs(this.#tries);
    }
    if (isLate) return unheardMs < t.silentForMs ? t.silentMs : this.#backedOffMs(this.#tries);
    if (isRecovering) return t.recoveringMs;
    if (this.#now.ms < this.#standbyUntilMs) return isMetered ? t.meteredStandbyMs : t.standbyMs;
    return isMetered ? t.meteredIdleMs : t.idleMs;
  }

  #backedOffMs(tries: number): number {
    return Math.min(this.#tuning.firstMs * 2 ** Math.min(tries - 1, 16), this.#tuning.mostMs);
  }
}
