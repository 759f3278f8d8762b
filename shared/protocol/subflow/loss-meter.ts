import type { Now } from '../now.ts';
import { LOSS_FORGET_MS, LOSS_SPAN_PACKETS, NEGLIGIBLE_LOSS } from '../tunables.ts';

/** The share of packets that a subflow's kernel had to send again of late, 0 to 1. */
export class LossMeter {
  readonly #now: Now;
  #share = 0;
  #sentPackets = 0;
  #retransmittedPackets = 0;
  #sinceMs: number | undefined;

  constructor(now: Now) {
    this.#now = now;
  }

  get share(): number {
    return this.#share < NEGLIGIBLE_LOSS ? 0 : this.#share;
  }

  /** The kernel's counts since the connection began. */
  onCounts(sentPackets: number, retransmittedPackets: number): void {
    if (this.#sinceMs === undefined) {
      this.#mark(sentPackets, retransmittedPackets);
      return;
    }
    const sent = sentPackets - this.#sentPackets;
    if (sent >= LOSS_SPAN_PACKETS) {
      const lost = Math.min(1, (retransmittedPackets - this.#retransmittedPackets) / sent);
      this.#share = (this.#share + lost) / 2;
      this.#mark(sentPackets, retransmittedPackets);
    } else if (this.#now.ms - this.#sinceMs >= LOSS_FORGET_MS) {
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
