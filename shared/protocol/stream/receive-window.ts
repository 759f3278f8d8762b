import type { MemoryBudget } from '../memory-budget.ts';
import type { Now } from '../now.ts';

/** The window that every stream is promised, whatever memory the session has: counted in the session's worst case. */
export const FLOOR_WINDOW_BYTES = 64 * 1024;

export interface WindowTuning {
  /** Window of a new stream while the session has memory to spare. */
  readonly firstBytes: number;
  readonly maxBytes: number;
}

export const WINDOW_TUNING: WindowTuning = { firstBytes: 1024 * 1024, maxBytes: 16 * 1024 * 1024 };

/**
 * How far the peer may send in one direction of a stream, in memory taken from the session's budget. Doubles while the
 * application reads a window faster than in a few round trips (the rule of quic-go's flow controller).
 */
export class ReceiveWindow {
  readonly #budget: MemoryBudget;
  readonly #now: Now;
  readonly #tuning: WindowTuning;
  #windowBytes = FLOOR_WINDOW_BYTES;
  #consumedBytes = 0;
  #limitDsn = FLOOR_WINDOW_BYTES;
  #epochStartMs: number;
  #epochStartBytes = 0;
  #isClosed = false;

  /** Starts at the floor, which every stream is promised. */
  constructor(budget: MemoryBudget, now: Now, tuning: WindowTuning) {
    this.#budget = budget;
    this.#now = now;
    this.#tuning = tuning;
    this.#epochStartMs = now.ms;
    budget.reserve(FLOOR_WINDOW_BYTES);
  }

  /** The DSN that the peer must stay below, as last announced. */
  get limitDsn(): number {
    return this.#limitDsn;
  }

  get consumedBytes(): number {
    return this.#consumedBytes;
  }

  /** Takes a first window out of what the session can spare: a quarter of it at most. */
  openUp(): void {
    // The peer may have finished before the origin was connected.
    if (this.#isClosed) return;
    const wanted = Math.min(this.#tuning.firstBytes, Math.floor(this.#budget.availableBytes / 4));
    if (wanted > this.#windowBytes) this.#growTo(wanted);
    this.#limitDsn = this.#consumedBytes + this.#windowBytes;
  }

  /**
   * The application has taken `bytes`.
   * @param rttMs the largest round trip time in use
   * @returns whether a WINDOW frame is due
   */
  consume(bytes: number, rttMs: number): boolean {
    this.#consumedBytes += bytes;
    if (this.#limitDsn - this.#consumedBytes > this.#windowBytes * 0.75) return false;
    this.#tune(rttMs);
    this.#limitDsn = this.#consumedBytes + this.#windowBytes;
    return true;
  }

  /** Gives the memory back. */
  close(): void {
    this.#isClosed = true;
    this.#budget.release(this.#windowBytes);
    this.#windowBytes = 0;
  }

  #tune(rttMs: number): void {
    const readBytes = this.#consumedBytes - this.#epochStartBytes;
    if (readBytes <= this.#windowBytes / 2) return;
    const isFast = this.#now.ms - this.#epochStartMs < 4 * (readBytes / this.#windowBytes) * rttMs;
    if (isFast) this.#growTo(Math.min(this.#windowBytes * 2, this.#tuning.maxBytes));
    this.#epochStartMs = this.#now.ms;
    this.#epochStartBytes = this.#consumedBytes;
  }

  #growTo(bytes: number): void {
    if (this.#budget.tryReserve(bytes - this.#windowBytes)) this.#windowBytes = bytes;
  }
}
