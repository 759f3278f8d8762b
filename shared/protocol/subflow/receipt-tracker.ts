import type { ReceiptEntry } from '../codec/frame.ts';
import { RECEIPT_EAGER_BYTES, RECEIPT_INTERVAL_MS } from '../tunables.ts';

/** The receiving side of receipts: how much of one subflow was parsed, and when the sender must be told. */
export class ReceiptTracker {
  #parsedBytes = 0;
  #reportedBytes = 0;
  #lastArrivalMs = 0;
  #elicitedMs: number | undefined;

  /** @param elicits whether anything but RECEIPTs was among the bytes */
  onParsed(bytes: number, elicits: boolean, nowMs: number): void {
    this.#parsedBytes += bytes;
    this.#lastArrivalMs = nowMs;
    if (elicits) this.#elicitedMs ??= nowMs;
  }

  /** All that was parsed. */
  get parsedBytes(): number {
    return this.#parsedBytes;
  }

  /** When a receipt is due; infinite while none is. */
  get dueMs(): number {
    if (this.#elicitedMs === undefined) return Number.POSITIVE_INFINITY;
    const isEager = this.#parsedBytes - this.#reportedBytes >= RECEIPT_EAGER_BYTES;
    return isEager ? this.#elicitedMs : this.#elicitedMs + RECEIPT_INTERVAL_MS;
  }

  /** The last receipt may be lost: say it again. */
  repeat(nowMs: number): void {
    if (this.#parsedBytes > 0) this.#elicitedMs ??= nowMs;
  }

  /** The entry for a RECEIPT that is written now, or undefined when there is nothing new to say. */
  take(subflowId: number, nowMs: number): ReceiptEntry | undefined {
    if (this.#elicitedMs === undefined) return undefined;
    this.#elicitedMs = undefined;
    this.#reportedBytes = this.#parsedBytes;
    const delayMicroseconds = Math.min(Math.round((nowMs - this.#lastArrivalMs) * 1000), 0xffff_ffff);
    return { subflowId, delayMicroseconds, bytes: this.#parsedBytes };
  }
}
