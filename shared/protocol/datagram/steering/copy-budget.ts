import type { Now } from '../../now.ts';
import { ByteRate } from './byte-rate.ts';

export interface CopyTuning {
  /** A flow below this rate is small: voice, games, questions. So is a session: then all may be copied. 512 kbit/s. */
  readonly smallBytesPerSecond: number;
  /** Otherwise copies are at most this share of all bytes: feedback takes about as much again, and 10 % is what it may cost in all. */
  readonly share: number;
  /** What was not used of it is good for so many. */
  readonly mostBytes: number;
  /** Of that this share is kept for copies of what is late: they are worth most. */
  readonly keptShare: number;
}

/** How much a session may send more than once. */
export class CopyBudget {
  readonly #tuning: CopyTuning;
  readonly #all: ByteRate;
  #leftBytes: number;

  constructor(now: Now, tuning: CopyTuning) {
    this.#tuning = tuning;
    this.#all = new ByteRate(now);
    this.#leftBytes = tuning.mostBytes;
  }

  /** A datagram that is no copy leaves. */
  onSent(bytes: number): void {
    const { share, mostBytes } = this.#tuning;
    this.#all.add(bytes);
    this.#leftBytes = Math.min(mostBytes, this.#leftBytes + bytes * share);
  }

  /** @returns whether a copy of so many bytes may leave */
  take(bytes: number, isLate: boolean): boolean {
    const { smallBytesPerSecond, mostBytes, keptShare } = this.#tuning;
    if (this.#all.bytesPerSecond < smallBytesPerSecond) return true;
    const keptBytes = isLate ? 0 : mostBytes * keptShare;
    if (this.#leftBytes - keptBytes < bytes) return false;
    this.#leftBytes -= bytes;
    return true;
  }
}
