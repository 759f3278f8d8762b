import { LIMIT_BURST_MS, MIN_SEGMENT_BYTES, WIRE_OVERHEAD } from '../tunables.ts';

/**
 * A rate limit in bytes per second on the wire, shared by the subflows of one uplink. What must leave (receipts, control
 * frames, the rest of a segment) puts it into debt, and data waits until that is paid.
 */
export class TokenBucket {
  readonly bytesPerSecond: number;
  readonly #burstBytes: number;
  #balanceBytes: number;
  #refreshedMs: number;

  constructor(bytesPerSecond: number, nowMs: number) {
    this.bytesPerSecond = bytesPerSecond;
    this.#burstBytes = Math.max((bytesPerSecond * LIMIT_BURST_MS) / 1000, MIN_SEGMENT_BYTES);
    this.#balanceBytes = this.#burstBytes;
    this.#refreshedMs = nowMs;
  }

  /** What time has brought. All that is asked afterwards is as of then. */
  refresh(nowMs: number): void {
    const earnedBytes = (this.bytesPerSecond * Math.max(0, nowMs - this.#refreshedMs)) / 1000;
    this.#balanceBytes = Math.min(this.#burstBytes, this.#balanceBytes + earnedBytes);
    this.#refreshedMs = nowMs;
  }

  /** Bytes of frames that leave now; their way through TLS, TCP and IP is added. */
  spend(frameBytes: number): void {
    this.#balanceBytes -= frameBytes * WIRE_OVERHEAD;
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
