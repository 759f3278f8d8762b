import type { Now } from '../now.ts';
import type { CongestionTuning } from './controller-tuning.ts';
import type { PathMeter } from './path-meter.ts';

/** Segments and receipts by themselves come as unevenly. */
const EVEN_MS = 30;

export type HostLagTuning = Pick<CongestionTuning, 'maxHostLagMs' | 'repairRounds'>;

/**
 * What the two programs add to the kernel's round trip since their event loops are late: they are busy, or wait for a processor.
 * A sender that did not allow for it would run its pipe empty, measure a lower rate for that, keep less in flight, and so on.
 */
export class HostLag {
  readonly #now: Now;
  readonly #meter: Pick<PathMeter, 'rtt' | 'kernel'>;
  readonly #tuning: HostLagTuning;
  #meanMs = 0;
  #deviationMs = 0;
  #settlesMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now, meter: Pick<PathMeter, 'rtt' | 'kernel'>, tuning: HostLagTuning) {
    this.#now = now;
    this.#meter = meter;
    this.#tuning = tuning;
  }

  /** Seldom is it more, ms: 0 where it is hardly anything, undefined where the kernel tells nothing to compare with. */
  get usualMostMs(): number | undefined {
    if (this.#meter.kernel === undefined) return undefined;
    return Math.min(Math.max(0, this.#meanMs + 3 * this.#deviationMs - EVEN_MS), this.#tuning.maxHostLagMs);
  }

  /** Receipts are late for another reason now, and for some round trips: a pause, or a packet that is sent again. */
  unsettle(): void {
    this.#settlesMs = this.#now.ms + this.#tuning.repairRounds * this.#meter.rtt.smoothedMs;
  }

  /** There is a new round trip. The kernel's queue of unsent bytes, which leave at this rate, is no part of the lag. */
  onRoundTrip(bytesPerSecond: number): void {
    const { kernel, rtt } = this.#meter;
    if (kernel === undefined || bytesPerSecond === 0 || this.#now.ms < this.#settlesMs) return;
    const unsentMs = (kernel.notSentBytes * 1000) / bytesPerSecond;
    // Below 0 where receipts took a faster way.
    const lagMs = rtt.latestMs - kernel.rttMs - unsentMs;
    // As round trips are smoothed (RFC 6298 section 2).
    this.#deviationMs += (Math.abs(this.#meanMs - lagMs) - this.#deviationMs) / 4;
    this.#meanMs += (lagMs - this.#meanMs) / 8;
  }
}
