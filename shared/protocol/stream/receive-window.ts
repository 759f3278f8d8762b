import { FIRST_WINDOWS_SHARE, PROMISED_SHARE } from '../memory-budget.ts';
import type { Now } from '../now.ts';
import type { ReceiveAccount } from './receive-account.ts';

/** The window that every stream is promised. It takes no memory until it is used. */
export const FLOOR_WINDOW_BYTES = 64 * 1024;

export interface WindowTuning {
  /** Window of a new stream while the session has memory to spare. */
  readonly firstBytes: number;
  readonly maxBytes: number;
}

export const WINDOW_TUNING: WindowTuning = { firstBytes: 1024 * 1024, maxBytes: 16 * 1024 * 1024 };

/** What a stream at the floor may send further while memory is tight: the floor is promised to more streams than may use it at once. */
const TIGHT_WINDOW_BYTES = 16 * 1024;
/** A first window is at most this part of what first windows may still promise: the first few leave something for the next. */
const FIRST_WINDOW_PART = 1 / 8;

/**
 * How far the peer may send in one direction of a stream, in memory taken from the session's budget. Doubles while the
 * application reads a window faster than in a few round trips (the rule of quic-go's flow controller).
 */
export class ReceiveWindow {
  readonly #account: ReceiveAccount;
  readonly #now: Now;
  readonly #tuning: WindowTuning;
  #windowBytes = FLOOR_WINDOW_BYTES;
  #consumedBytes = 0;
  #limitDsn = FLOOR_WINDOW_BYTES;
  #epochStartMs: number;
  #epochStartBytes = 0;
  #isClosed = false;

  /** Starts at the floor, which every stream is promised. */
  constructor(account: ReceiveAccount, now: Now, tuning: WindowTuning) {
    this.#account = account;
    this.#now = now;
    this.#tuning = tuning;
    this.#epochStartMs = now.ms;
  }

  /** The DSN that the peer must stay below, as last announced. */
  get limitDsn(): number {
    return this.#limitDsn;
  }

  get consumedBytes(): number {
    return this.#consumedBytes;
  }

  /**
   * Takes a first window out of what the session can spare.
   * @param promisedDsn how far the peer may send already
   */
  openUp(promisedDsn: number): void {
    // The peer may have finished before the origin was connected.
    if (this.#isClosed) return;
    const spareBytes = this.#account.freeBytes(FIRST_WINDOWS_SHARE) * FIRST_WINDOW_PART;
    const wanted = Math.min(this.#tuning.firstBytes, Math.floor(spareBytes));
    if (wanted > this.#windowBytes) this.#growTo(wanted);
    this.#limitDsn = Math.max(promisedDsn, this.#consumedBytes + this.#creditBytes);
  }

  /**
   * The application has taken `bytes`.
   * @param rttMs the largest round trip time in use
   * @returns whether a WINDOW frame is due
   */
  consume(bytes: number, rttMs: number): boolean {
    this.#consumedBytes += bytes;
    if (this.#limitDsn - this.#consumedBytes > this.#creditBytes * 0.75) return false;
    this.#tune(rttMs);
    const limitDsn = this.#consumedBytes + this.#creditBytes;
    // Memory may have become tight, and what was granted cannot be taken back.
    if (limitDsn <= this.#limitDsn) return false;
    this.#limitDsn = limitDsn;
    return true;
  }

  /** Nothing more may come. */
  close(): void {
    this.#isClosed = true;
    this.#account.close();
    this.#windowBytes = 0;
  }

  /** How far ahead of what was consumed the peer may send. */
  get #creditBytes(): number {
    const isShort = this.#windowBytes === FLOOR_WINDOW_BYTES && this.#account.isTight;
    return isShort ? TIGHT_WINDOW_BYTES : this.#windowBytes;
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
    if (this.#account.tryPromise(bytes, PROMISED_SHARE)) this.#windowBytes = bytes;
  }
}
