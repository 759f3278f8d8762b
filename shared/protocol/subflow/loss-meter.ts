import type { Now } from '../now.ts';

export interface LossTuning {
  /** So many packets make one sample of the loss of an uplink: one lost is 1 %. */
  readonly spanPackets: number;
  /** After so long with fewer, the loss of the past counts half, so that an uplink without traffic is tried again. */
  readonly forgetMs: number;
  /** Less is none: halves would never come to it, and an uplink that may lose nothing would be left for good. */
  readonly negligibleShare: number;
}

export const LOSS_TUNING: LossTuning = { spanPackets: 100, forgetMs: 10_000, negligibleShare: 0.001 };

/** The share of packets that a subflow's kernel had to send again of late, 0 to 1. */
export class LossMeter {
  readonly #now: Now;
  readonly #tuning: LossTuning;
  #share = 0;
  #sentPackets = 0;
  #retransmittedPackets = 0;
  #sinceMs: number | undefined;

  constructor(now: Now, tuning: LossTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  get share(): number {
    return this.#share < this.#tuning.negligibleShare ? 0 : this.#share;
  }

  /** The kernel's counts since the connection began. */
  onCounts(sentPackets: number, retransmittedPackets: number): void {
    if (this.#sinceMs === undefined) {
      this.#mark(sentPackets, retransmittedPackets);
      return;
    }
    const sent = sentPackets - this.#sentPackets;
    if (sent >= this.#tuning.spanPackets) {
      const lost = Math.min(1, (retransmittedPackets - this.#retransmittedPackets) / sent);
      this.#share = (this.#share + lost) / 2;
      this.#mark(sentPackets, retransmittedPackets);
    } else if (this.#now.ms - this.#sinceMs >= this.#tuning.forgetMs) {
      // Hardly used: what it lost once says less and less.
      this.#share /= 2;
      this.#mark(sentPackets, retransmittedPackets);
    }
  }

  #mark(sentPackets: number, retransmittedPackets: number): void {
    this.#sentPackets = sentPackets;
    this.#retransmittedPackets = retransmittedPackets;
    this.#sinceMs = this.#now.ms;
  }
}
