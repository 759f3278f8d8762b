import type { Now } from '../now.ts';
import { LIMIT_BURST_MS, MIN_SEGMENT_BYTES, UNHELD_MS, UNHELD_SHARE, WIRE_OVERHEAD } from '../tunables.ts';

/**
 * A rate limit in bytes per second on the wire, shared by the subflows of one uplink. What must leave (receipts, control
 * frames, the rest of a segment) puts it into debt, and data waits until that is paid. Where all but data would by itself use up
 * more than UNHELD_SHARE of the rate, the rest of it does not count, or data would wait for ever.
 */
export class TokenBucket {
  readonly #now: Now;
  readonly bytesPerSecond: number;
  readonly #burstBytes: number;
  #balanceBytes: number;
  /** What may still be spent on what is not held back. */
  #unheldBytes: number;
  #refreshedMs: number;

  constructor(bytesPerSecond: number, now: Now) {
    this.#now = now;
    this.bytesPerSecond = bytesPerSecond;
    this.#burstBytes = Math.max((bytesPerSecond * LIMIT_BURST_MS) / 1000, MIN_SEGMENT_BYTES);
    this.#balanceBytes = this.#burstBytes;
    this.#unheldBytes = this.#mostUnheldBytes;
    this.#refreshedMs = this.#now.ms;
  }

  /** What time has brought. All that is asked afterwards is as of then. */
  refresh(): void {
    const earnedBytes = (this.bytesPerSecond * Math.max(0, this.#now.ms - this.#refreshedMs)) / 1000;
    this.#balanceBytes = Math.min(this.#burstBytes, this.#balanceBytes + earnedBytes);
    this.#unheldBytes = Math.min(this.#mostUnheldBytes, this.#unheldBytes + earnedBytes * UNHELD_SHARE);
    this.#refreshedMs = this.#now.ms;
  }

  get #mostUnheldBytes(): number {
    return (this.bytesPerSecond * UNHELD_SHARE * UNHELD_MS) / 1000;
  }

  /** Bytes of DATA frames that leave now; their way through TLS, TCP and IP is added. */
  spend(frameBytes: number): void {
    this.#balanceBytes -= frameBytes * WIRE_OVERHEAD;
  }

  /** As `spend`, for what leaves whatever the limit says. */
  spendUnheld(frameBytes: number): void {
    const countedBytes = Math.min(frameBytes * WIRE_OVERHEAD, this.#unheldBytes);
    this.#unheldBytes -= countedBytes;
    this.#balanceBytes -= countedBytes;
  }

  /** Whether data may leave. A fraction of a byte is a rounding error. */
  get isOpen(): boolean {
    return this.#balanceBytes > -1;
  }

  /** For how long it stays shut. */
  get waitMs(): number {
    return this.isOpen ? 0 : (-this.#balanceBytes * 1000) / this.bytesPerSecond;
  }
}
