import type { Now } from '../now.ts';

export interface RateLimitTuning {
  /** A limit counts what goes over the wire: a full packet of 1500 bytes carries 1448 of TCP over IPv4, and TLS takes 22 of 16 KB. */
  readonly wireOverhead: number;
  /** An acknowledgement of 52 bytes for every second packet, in bytes of frames. */
  readonly ackShare: number;
  /** Acknowledgements and control frames use up at most this share: data would wait for as long as a large download takes, and longer. */
  readonly unheldShare: number;
  /** What they did not use of it counts for so long: they come in bursts. */
  readonly unheldMs: number;
  /** Where datagrams keep it in debt, data may leave as they have, as much as leaves in this time at most. */
  readonly fairMs: number;
  /** A limited uplink makes up for so much time in which it did not send: longer than timers are late, too short to fill a queue, */
  readonly burstMs: number;
  /** and for at least one small segment. */
  readonly minBurstBytes: number;
  /** However deep in debt, a limited uplink is looked at this often: no timer waits for years. */
  readonly lookMs: number;
}

export const RATE_LIMIT_TUNING: RateLimitTuning = {
  wireOverhead: 1.04,
  ackShare: 0.018,
  unheldShare: 0.5,
  unheldMs: 1_000,
  fairMs: 50,
  burstMs: 25,
  minBurstBytes: 2 * 1024,
  lookMs: 1_000,
};

/**
 * A rate limit in bytes per second on the wire, shared by the subflows of one uplink. What must leave (receipts, control
 * frames, the rest of a segment) puts it into debt, and data waits until that is paid. Where all but data would by itself use up
 * more than `unheldShare` of the rate, the rest of it does not count, or data would wait for ever. Datagrams leave while the debt is
 * small, and a flood of them would keep it there: what they take, data may take, too.
 */
export class TokenBucket {
  readonly #now: Now;
  readonly #tuning: RateLimitTuning;
  readonly bytesPerSecond: number;
  readonly #burstBytes: number;
  #balanceBytes: number;
  /** What may still be spent on what is not held back. */
  #unheldBytes: number;
  /** What data may spend though there is debt: its fair share beside datagrams. */
  #fairBytes = 0;
  #refreshedMs: number;

  constructor(bytesPerSecond: number, now: Now, tuning: RateLimitTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.bytesPerSecond = bytesPerSecond;
    this.#burstBytes = Math.max((bytesPerSecond * tuning.burstMs) / 1000, tuning.minBurstBytes);
    this.#balanceBytes = this.#burstBytes;
    this.#unheldBytes = this.#mostUnheldBytes;
    this.#refreshedMs = this.#now.ms;
  }

  /** What time has brought. All that is asked afterwards is as of then. */
  refresh(): void {
    const earnedBytes = (this.bytesPerSecond * Math.max(0, this.#now.ms - this.#refreshedMs)) / 1000;
    this.#balanceBytes = Math.min(this.#burstBytes, this.#balanceBytes + earnedBytes);
    this.#unheldBytes = Math.min(
      this.#mostUnheldBytes,
      this.#unheldBytes + earnedBytes * this.#tuning.unheldShare,
    );
    this.#refreshedMs = this.#now.ms;
  }

  get #mostUnheldBytes(): number {
    return (this.bytesPerSecond * this.#tuning.unheldShare * this.#tuning.unheldMs) / 1000;
  }

  /** Bytes of DATA frames that leave now; their way through TLS, TCP and IP is added. */
  spend(frameBytes: number): void {
    const bytes = frameBytes * this.#tuning.wireOverhead;
    if (this.debtMs > 0) this.#fairBytes -= bytes;
    this.#balanceBytes -= bytes;
  }

  /** Packets with datagrams leave: data may spend as much. @param bytes on the wire */
  spendOnWire(bytes: number): void {
    const mostBytes = Math.max(
      (this.bytesPerSecond * this.#tuning.fairMs) / 1000,
      this.#tuning.minBurstBytes,
    );
    this.#fairBytes = Math.min(mostBytes, this.#fairBytes + bytes);
    this.#balanceBytes -= bytes;
  }

  /** As `spend`, for frames with datagrams. */
  spendOnDatagrams(frameBytes: number): void {
    this.spendOnWire(frameBytes * this.#tuning.wireOverhead);
  }

  /** As `spend`, for what leaves whatever the limit says. */
  spendUnheld(frameBytes: number): void {
    const countedBytes = Math.min(frameBytes * this.#tuning.wireOverhead, this.#unheldBytes);
    this.#unheldBytes -= countedBytes;
    this.#balanceBytes -= countedBytes;
  }

  /** The kernel's acknowledgements of `bytes` that arrived: they leave on the same uplink. */
  spendOnAcknowledging(bytes: number): void {
    this.spendUnheld(bytes * this.#tuning.ackShare);
  }

  /** Whether data may leave. */
  get isOpen(): boolean {
    return this.debtMs === 0 || this.#fairBytes > 0;
  }

  /** For how long it stays shut, if no datagrams leave. */
  get waitMs(): number {
    return this.isOpen ? 0 : this.debtMs;
  }

  /** How long it takes to pay what was spent in advance. A fraction of a byte is a rounding error. */
  get debtMs(): number {
    return this.#balanceBytes > -1 ? 0 : (-this.#balanceBytes * 1000) / this.bytesPerSecond;
  }
}
