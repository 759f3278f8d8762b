import { RangeSet } from '../range-set.ts';

/** Which bytes of a stream were sent: all below `nextDsn`, and what was sent before the bytes in front of it. */
export class SendOrder {
  /** What was sent and is lost. */
  readonly lost = new RangeSet();
  readonly #ahead = new RangeSet();
  #aheadBytes = 0;
  #nextDsn = 0;

  /** The first byte that was never sent. */
  get nextDsn(): number {
    return this.#nextDsn;
  }

  /** How much above it was sent. */
  get aheadBytes(): number {
    return this.#aheadBytes;
  }

  /** The bytes from `nextDsn` on that were never sent, of all below `endDsn`. */
  unsentBytes(endDsn: number): number {
    return (this.#ahead.first()?.start ?? endDsn) - this.#nextDsn;
  }

  /** The first part of [start, end) that was never sent; `start` is above `nextDsn`. */
  firstUnsent(start: number, end: number): { start: number; end: number } | undefined {
    return this.#ahead.firstGap(start, end);
  }

  /** These bytes are sent now. @returns whether for the first time */
  take(dsn: number, length: number): boolean {
    const end = dsn + length;
    const isLost = this.lost.firstGap(dsn, dsn + 1) === undefined;
    if (dsn < this.#nextDsn || isLost) {
      this.lost.remove(dsn, end);
      return false;
    }
    if (dsn > this.#nextDsn) {
      this.#ahead.add(dsn, end);
      this.#aheadBytes += length;
    } else {
      this.#nextDsn = this.#ahead.absorb(end);
      this.#aheadBytes -= this.#nextDsn - end;
    }
    return true;
  }

  /** Nothing below is to be sent any more. */
  end(endDsn: number): void {
    this.lost.clear();
    this.#ahead.clear();
    this.#aheadBytes = 0;
    this.#nextDsn = endDsn;
  }
}
