import type { Now } from '../../now.ts';
import { ByteRate } from './byte-rate.ts';

export interface CopyTuning {
  /** A flow below this rate is small: voice, games, questions. So is a session: then all may be copied. 512 kbit/s. */
  readonly smallBytesPerSecond: number;
  /** Otherwise copies are at most this share of all bytes: feedback takes about as much again, and 10 % is what it may cost in all. */
  readonly share: number;
  /** What was not used of it is good for so many. */
  readonly mostBytes: number;
  /** Copies of what is late may use it up. Others leave so much of it, the more the larger their flow is. */
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

  /** A datagram that is no copy leaves. Bytes are those on the wire, as everywhere here. */
  onSent(bytes: number): void {
    const { share, mostBytes } = this.#tuning;
    this.#all.add(bytes);
    this.#leftBytes = Math.min(mostBytes, this.#leftBytes + bytes * share);
  }

  /**
   * @param flowBytesPerSecond of its flow; 0 where it is late, and comes before all others
   * @returns whether a copy of so many bytes may leave
   */
  take(bytes: number, flowBytesPerSecond: number): boolean {
    const { smallBytesPerSecond, mostBytes, keptShare } = this.#tuning;
    if (this.#all.bytesPerSecond < smallBytesPerSecond) return true;
    const kept = flowBytesPerSecond === 0 ? 0 : keptShare * (1 + flowBytesPerSecond / smallBytesPerSecond);
    const keptBytes = mostBytes * kept;
    if (this.#leftBytes - keptBytes < bytes) return false;
    this.#leftBytes -= bytes;
    return true;
  }
}
