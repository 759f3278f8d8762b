import type { ReceiptEntry } from '../codec/frame.ts';
import type { Now } from '../now.ts';

/** When receipts leave, and on how many subflows. */
export interface ReceiptTuning {
  /** Longest that received bytes wait for their receipt: short beside any uplink's round trip, long enough to batch. */
  readonly intervalMs: number;
  /** A receipt goes out earlier after this much, so that a gigabit subflow is not held at cap / interval. */
  readonly eagerBytes: number;
  /** On so many of the fastest subflows: one may be dying unnoticed, a third was never the first to arrive. */
  readonly copies: number;
}

export const RECEIPT_TUNING: ReceiptTuning = {
  intervalMs: 5,
  eagerBytes: 256 * 1024,
  copies: 2,
};

/** The receiving side of receipts: how much of one subflow was parsed, and when the sender must be told. */
export class ReceiptTracker {
  readonly #now: Now;
  readonly #tuning: ReceiptTuning;
  #parsedBytes = 0;
  #reportedBytes = 0;
  #lastArrivalMs = 0;
  #elicitedMs: number | undefined;
  #isHurried = false;
  #takenMs = Number.NEGATIVE_INFINITY;
  #lastPayloadMs: number;

  constructor(now: Now, tuning: ReceiptTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#lastPayloadMs = now.ms;
  }

  /** When payload last arrived; when the subflow began, before it has. */
  get lastPayloadMs(): number {
    return this.#lastPayloadMs;
  }

  /** There is payload among what arrives now. */
  onPayload(): void {
    this.#lastPayloadMs = this.#now.ms;
  }

  /** @param elicits whether anything but RECEIPTs was among the bytes */
  onParsed(bytes: number, elicits: boolean): void {
    this.#parsedBytes += bytes;
    this.#lastArrivalMs = this.#now.ms;
    if (elicits) this.#elicitedMs ??= this.#now.ms;
  }

  /** All that was parsed. */
  get parsedBytes(): number {
    return this.#parsedBytes;
  }

  /** When a receipt is due; infinite while none is. */
  get dueMs(): number {
    if (this.#elicitedMs === undefined) return Number.POSITIVE_INFINITY;
    const { intervalMs, eagerBytes } = this.#tuning;
    if (this.#parsedBytes - this.#reportedBytes >= eagerBytes) return this.#elicitedMs;
    // However many questions come.
    if (this.#isHurried) return Math.max(this.#elicitedMs, this.#takenMs + intervalMs);
    return this.#elicitedMs + intervalMs;
  }

  /** The peer waits for nothing else: the receipt that is due is not held back to go together with others. */
  hurry(): void {
    this.#isHurried = true;
  }

  /** The last receipt may be lost: say it again. */
  repeat(): void {
    if (this.#parsedBytes > 0) this.#elicitedMs ??= this.#now.ms;
  }

  /** The entry for a RECEIPT that is written now, or undefined when there is nothing new to say. */
  take(subflowId: number): ReceiptEntry | undefined {
    if (this.#elicitedMs === undefined) return undefined;
    this.#elicitedMs = undefined;
    this.#isHurried = false;
    this.#takenMs = this.#now.ms;
    this.#reportedBytes = this.#parsedBytes;
    const delayMicroseconds = Math.min(Math.round((this.#now.ms - this.#lastArrivalMs) * 1000), 0xffff_ffff);
    return { subflowId, delayMicroseconds, bytes: this.#parsedBytes };
  }
}
