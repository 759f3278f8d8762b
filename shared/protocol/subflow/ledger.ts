import type { SendState } from './send-state.ts';

/**
 * What one write to a subflow carried, as far as the subflow must know. `data` waits for the uplink's rate limit. `receipt`: a
 * RECEIPT (or the session's CLOSE) is counted as bytes, is never sent again, and asks for no receipt itself.
 */
export interface LedgerItem {
  readonly kind: 'data' | 'control' | 'receipt';
}

/** One frame written to a subflow and not yet receipted, with the state of the rate estimator when it was written. */
export interface LedgerEntry<Item extends LedgerItem = LedgerItem> extends SendState {
  readonly item: Item;
  /** Where the frame ends in the subflow's count of bytes. */
  readonly endOffset: number;
  /** Handed to the other subflows already; what is sent again is not sent a third time on this one's account. */
  surrendered: boolean;
}

/**
 * The frames under way on one subflow, oldest first. Data is bounded by the subflow's in-flight cap, control frames by what the session
 * lets go unanswered, receipts by MAX_UNANSWERED_RECEIPTS.
 */
export class Ledger<Item extends LedgerItem = LedgerItem> {
  #entries: LedgerEntry<Item>[] = [];
  #head = 0;
  #writtenBytes = 0;
  #receiptedBytes = 0;
  #lastElicitingOffset = 0;
  #receipts = 0;

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  get receiptedBytes(): number {
    return this.#receiptedBytes;
  }

  get inFlightBytes(): number {
    return this.#writtenBytes - this.#receiptedBytes;
  }

  /** Whether something is under way that must be answered by a receipt. */
  get awaitsReceipt(): boolean {
    return this.#lastElicitingOffset > this.#receiptedBytes;
  }

  get length(): number {
    return this.#entries.length - this.#head;
  }

  get oldest(): LedgerEntry<Item> | undefined {
    return this.#entries[this.#head];
  }

  /** RECEIPTs of ours among them. */
  get unansweredReceipts(): number {
    return this.#receipts;
  }

  /** Moves the count on; the caller fills in the entry that ends there. */
  append(entry: LedgerEntry<Item>): void {
    this.#writtenBytes = entry.endOffset;
    if (entry.item.kind === 'receipt') this.#receipts++;
    else this.#lastElicitingOffset = entry.endOffset;
    this.#entries.push(entry);
  }

  /** Takes off all entries that end at or below `bytes`, oldest first. */
  receipt(bytes: number): LedgerEntry<Item>[] {
    this.#receiptedBytes = bytes;
    const start = this.#head;
    while (this.#head < this.#entries.length && this.#entries[this.#head]!.endOffset <= bytes) this.#head++;
    const receipted = this.#entries.slice(start, this.#head);
    for (const { item } of receipted) if (item.kind === 'receipt') this.#receipts--;
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return receipted;
  }

  /** The first `most` entries, oldest first. */
  *oldestEntries(most = Number.POSITIVE_INFINITY): Generator<LedgerEntry<Item>> {
    const end = Math.min(this.#entries.length, this.#head + most);
    for (let i = this.#head; i < end; i++) yield this.#entries[i]!;
  }
}
