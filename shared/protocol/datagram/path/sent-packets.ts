/** A packet has arrived: when it was sent, and how long it was. */
export type OnConfirmed = (counter: number, sentMs: number, bytes: number) => void;

/** What one path has under way, by counter: a ring that grows as it must, up to MAX_KEPT. */
export class SentPackets {
  /** Of the oldest that is kept, and of the next packet. */
  #first: number;
  #next: number;
  #sentMs = new Float64Array(LEAST_KEPT);
  #bytes = new Uint16Array(LEAST_KEPT);
  /** What was under way when each was sent, itself included. */
  #underWay = new Uint32Array(LEAST_KEPT);
  #marks = new Uint8Array(LEAST_KEPT);
  #inFlightBytes = 0;
  /** The highest that is confirmed, and when it was sent. */
  #largest: number;
  #largestSentMs = Number.NEGATIVE_INFINITY;
  /** The first above `largest` that awaits feedback, or a place below it where the search for it goes on. */
  #awaited: number;

  constructor(firstCounter: number) {
    this.#first = firstCounter;
    this.#next = firstCounter;
    this.#largest = firstCounter - 1;
    this.#awaited = firstCounter;
  }

  get nextCounter(): number {
    return this.#next;
  }

  /** Of the oldest that may still be confirmed. */
  get oldestCounter(): number {
    return this.#first;
  }

  /** Neither confirmed nor given up. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** When the oldest packet was sent that awaits feedback, and was sent after all that are confirmed; undefined where there is none. */
  get awaitedSinceMs(): number | undefined {
    let counter = Math.max(this.#awaited, this.#largest + 1, this.#first);
    while (counter < this.#next && this.#marks[this.#at(counter)] !== AWAITED) counter++;
    this.#awaited = counter;
    return counter < this.#next ? this.#sentMs[this.#at(counter)] : undefined;
  }

  /** @returns its counter */
  add(sentMs: number, bytes: number, wantsFeedback: boolean): number {
    if (this.#next - this.#first === this.#marks.length) this.#makeRoom();
    const counter = this.#next++;
    const at = this.#at(counter);
    this.#sentMs[at] = sentMs;
    this.#bytes[at] = bytes;
    this.#marks[at] = wantsFeedback ? AWAITED : UNASKED;
    if (wantsFeedback) this.#inFlightBytes += bytes;
    this.#underWay[at] = this.#inFlightBytes;
    return counter;
  }

  /** What was under way when a packet was sent that is still kept. */
  inFlightBytesAt(counter: number): number {
    return this.#underWay[this.#at(counter)]!;
  }

  /** All from `low` to `high` have arrived. Tells of each that was not known to. */
  confirm(low: number, high: number, onConfirmed: OnConfirmed): void {
    for (let counter = Math.max(low, this.#first); counter <= Math.min(high, this.#next - 1); counter++) {
      const at = this.#at(counter);
      if (this.#marks[at] === CONFIRMED) continue;
      if (this.#marks[at] === AWAITED) this.#inFlightBytes -= this.#bytes[at]!;
      this.#marks[at] = CONFIRMED;
      if (counter > this.#largest) {
        this.#largest = counter;
        this.#largestSentMs = this.#sentMs[at]!;
      }
      onConfirmed(counter, this.#sentMs[at]!, this.#bytes[at]!);
    }
  }

  /** Whether one that was sent later, by so much, has arrived, and this one has not. */
  isLost(counter: number, sentMs: number, reorderMs: number): boolean {
    return counter < this.#largest && this.#largestSentMs - sentMs >= reorderMs;
  }

  /** Gives up the oldest as far as they are lost, or were sent before `beforeMs`. Tells of each that wanted feedback. */
  settle(reorderMs: number, beforeMs: number, onLost: (bytes: number) => void): void {
    while (this.#first < this.#next) {
      const at = this.#at(this.#first);
      const sentMs = this.#sentMs[at]!;
      if (this.#marks[at] === AWAITED) {
        if (!this.isLost(this.#first, sentMs, reorderMs) && sentMs >= beforeMs) return;
        this.#inFlightBytes -= this.#bytes[at]!;
        onLost(this.#bytes[at]!);
      } else if (this.#first > this.#largest && this.#marks[at] === UNASKED && sentMs >= beforeMs) {
        return;
      }
      this.#first++;
    }
  }

  #at(counter: number): number {
    return counter & (this.#marks.length - 1);
  }

  /** At the bound the oldest is forgotten. */
  #makeRoom(): void {
    const before = this.#marks.length;
    if (before >= MAX_KEPT) {
      const at = this.#at(this.#first++);
      if (this.#marks[at] === AWAITED) this.#inFlightBytes -= this.#bytes[at]!;
      return;
    }
    const [sentMs, bytes, underWay, marks] = [this.#sentMs, this.#bytes, this.#underWay, this.#marks];
    this.#sentMs = new Float64Array(2 * before);
    this.#bytes = new Uint16Array(2 * before);
    this.#underWay = new Uint32Array(2 * before);
    this.#marks = new Uint8Array(2 * before);
    for (let counter = this.#first; counter < this.#next; counter++) {
      const from = counter & (before - 1);
      const to = this.#at(counter);
      this.#sentMs[to] = sentMs[from]!;
      this.#bytes[to] = bytes[from]!;
      this.#underWay[to] = underWay[from]!;
      this.#marks[to] = marks[from]!;
    }
  }
}

/** Powers of two. The bound is 300 ms of 50,000 packets a second. */
const LEAST_KEPT = 64;
const MAX_KEPT = 16 * 1024;

/** FEEDBACK is not answered; if it arrives that shows in the feedback for others. */
const UNASKED = 0;
const AWAITED = 1;
const CONFIRMED = 2;
