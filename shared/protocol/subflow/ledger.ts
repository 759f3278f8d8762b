import type { SendState } from './send-state.ts';

/**
 * What one write to a subflow carried, as far as the subflow must know. `data` and `datagram` wait for the uplink's rate limit. `receipt`: a
 * RECEIPT (or the session's CLOSE) is counted as bytes, is never sent again, and asks for no receipt itself.
 */
export interface LedgerItem {
  readonly kind: 'data' | 'control' | 'datagram' | 'receipt';
  /** A datagram that goes before others. */
  readonly isUrgent?: boolean;
}

/** One frame written to a subflow and not yet receipted, with the state of the rate estimator when it was written. */
export interface LedgerEntry<Item extends LedgerItem = LedgerItem> extends SendState {
  readonly item: Item;
  /** Where the frame ends in the subflow's count of bytes. */
  readonly endOffset: number;
}

/**
 * A subflow with so many frames under way takes no more data: a peer that receipts byte by byte, or streams of tiny frames, would make
 * each byte cost a hundred in memory. In a round trip of 600 ms it is still 13,000 frames a second, more than anything sends of that size.
 */
export const FULL_LEDGER_ENTRIES = 8 * 1024;

/**
 * The frames under way on one subflow, oldest first. Data is bounded by the subflow's in-flight cap and FULL_LEDGER_ENTRIES, receipts by
 * MAX_UNANSWERED_RECEIPTS, all together by MAX_LEDGER_ENTRIES.
 */
export class Ledger<Item extends LedgerItem = LedgerItem> {
  #entries: LedgerEntry<Item>[] = [];
  #head = 0;
  #writtenBytes = 0;
  #receiptedBytes = 0;
  #lastElicitingOffset = 0;
  #receipts = 0;
  #data = 0;
  #datagramBytes = 0;
  #urgentBytes = 0;
  /** Where the frames end that are taken off. */
  #takenTo = 0;
  /** Entries in front of these are settled, as `areSettled` last found, */
  #firstUnsettled = 0;
  /** and were surrendered. */
  #firstKept = 0;

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

  /** Whether data is under way. */
  get carriesData(): boolean {
    return this.#data > 0;
  }

  /** Of frames with datagrams, under way. */
  get datagramBytes(): number {
    return this.#datagramBytes;
  }

  /** Of those that are urgent. */
  get urgentBytes(): number {
    return this.#urgentBytes;
  }

  get length(): number {
    return this.#entries.length - this.#head;
  }

  /** The frame that has been under way for longest. */
  get oldest(): LedgerEntry<Item> | undefined {
    return this.#entries[this.#head];
  }

  /** RECEIPTs of ours among them. */
  get unansweredReceipts(): number {
    return this.#receipts;
  }

  /** Moves the count on; the caller fills in the entry that ends there. */
  append(entry: LedgerEntry<Item>): void {
    if (entry.item.kind === 'datagram') this.#countDatagram(entry.item, entry.endOffset - this.#writtenBytes);
    this.#writtenBytes = entry.endOffset;
    if (entry.item.kind === 'receipt') this.#receipts++;
    else this.#lastElicitingOffset = entry.endOffset;
    if (entry.item.kind === 'data') this.#data++;
    this.#entries.push(entry);
  }

  /** Takes off all entries that end at or below `bytes`, oldest first. */
  receipt(bytes: number): LedgerEntry<Item>[] {
    this.#receiptedBytes = bytes;
    const start = this.#head;
    while (this.#head < this.#entries.length && this.#entries[this.#head]!.endOffset <= bytes) this.#head++;
    const receipted = this.#entries.slice(start, this.#head);
    for (const { item, endOffset } of receipted) {
      if (item.kind === 'receipt') this.#receipts--;
      else if (item.kind === 'data') this.#data--;
      else if (item.kind === 'datagram') this.#countDatagram(item, this.#takenTo - endOffset);
      this.#takenTo = endOffset;
    }
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) this.#compact();
    return receipted;
  }

  /**
   * Whether all entries are settled. An entry that is settled stays so: each is asked until it is, and then not again.
   * @param isSettled whether nothing is missed if the entry does not arrive
   */
  areSettled(isSettled: (entry: LedgerEntry<Item>) => boolean): boolean {
    let at = Math.max(this.#firstUnsettled, this.#head);
    while (at < this.#entries.length && isSettled(this.#entries[at]!)) at++;
    this.#firstUnsettled = at;
    return at === this.#entries.length;
  }

  /** The entries that were not given out by it before, oldest first: what is sent again is not sent a third time on this one's account. */
  surrender(): readonly LedgerEntry<Item>[] {
    const surrendered = this.#entries.slice(Math.max(this.#firstKept, this.#head));
    this.#firstKept = this.#entries.length;
    return surrendered;
  }

  /** The first `most` entries, oldest first. */
  *oldestEntries(most = Number.POSITIVE_INFINITY): Generator<LedgerEntry<Item>> {
    const end = Math.min(this.#entries.length, this.#head + most);
    for (let i = this.#head; i < end; i++) yield this.#entries[i]!;
  }

  #countDatagram({ isUrgent }: Item, bytes: number): void {
    this.#datagramBytes += bytes;
    if (isUrgent) this.#urgentBytes += bytes;
  }

  #compact(): void {
    this.#entries = this.#entries.slice(this.#head);
    this.#firstUnsettled = Math.max(0, this.#firstUnsettled - this.#head);
    this.#firstKept = Math.max(0, this.#firstKept - this.#head);
    this.#head = 0;
  }
}
