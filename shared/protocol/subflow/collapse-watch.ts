import type { KernelMeasurement } from '../kernel-measurement.ts';
import type { Now } from '../now.ts';

export interface CollapseTuning {
  /** A full path that has brought next to nothing for so long has collapsed: as long as everyday pauses of radios and no longer, */
  readonly minMs: number;
  /** or for so many round trips, if that is longer. */
  readonly roundTrips: number;
  /** Next to nothing is less than this share of what it brought before. */
  readonly share: number;
}

export const COLLAPSE_TUNING: CollapseTuning = { minMs: 120, roundTrips: 2.5, share: 1 / 8 };

/** Without an acknowledgement for so long it stands still, as when a radio pauses. */
const SILENT_MS = 50;

/**
 * Notices that a path has collapsed: its queue drains so slowly that it holds everything up, though acknowledgements trickle and it
 * is never silent. Judged by what the kernel says was delivered, holes or not; where the kernel tells nothing, nothing is noticed.
 */
export class CollapseWatch {
  readonly #now: Now;
  readonly #tuning: CollapseTuning;
  /** When as much as counts was last delivered, and all that was by then. */
  #sinceMs = 0;
  #sincePackets: number | undefined;
  #limitMs = Number.POSITIVE_INFINITY;
  #leftBytesPerSecond = 0;
  #isSilent = false;

  constructor(now: Now, tuning: CollapseTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  get isCollapsed(): boolean {
    return this.#sincePackets !== undefined && this.#now.ms - this.#sinceMs > this.#limitMs;
  }

  /** What a path that has collapsed may still deliver. */
  get leftBytesPerSecond(): number {
    return this.#leftBytesPerSecond;
  }

  /** The path is judged anew. */
  restart(): void {
    this.#sincePackets = undefined;
  }

  /**
   * @param bytesPerSecond what the path is known to deliver; 0 while that is not known
   * @param rttMs its round trip, by which it is judged
   */
  onKernel(kernel: KernelMeasurement, bytesPerSecond: number, rttMs: number): void {
    const { minMs, roundTrips, share } = this.#tuning;
    const { deliveredPackets, mssBytes, unackedBytes, lastAckReceivedMs } = kernel;
    const wasSilent = this.#isSilent;
    this.#isSilent = lastAckReceivedMs > SILENT_MS;
    // Behind a pause as much as counts is still on its way.
    if (wasSilent && !this.#isSilent) this.restart();
    const limitMs = Math.max(minMs, roundTrips * rttMs);
    // Half a pipe: BBR now and then lets it run empty, to measure.
    const isFull = bytesPerSecond > 0 && unackedBytes >= (bytesPerSecond * rttMs) / 2000;
    const deliveredBytes = (deliveredPackets - (this.#sincePackets ?? deliveredPackets)) * mssBytes;
    const isMuch = deliveredBytes >= (share * bytesPerSecond * limitMs) / 1000;
    if (isFull && !isMuch && this.#sincePackets !== undefined) return;
    this.#limitMs = limitMs;
    this.#leftBytesPerSecond = share * bytesPerSecond;
    this.#sinceMs = this.#now.ms;
    this.#sincePackets = isFull ? deliveredPackets : undefined;
  }
}
