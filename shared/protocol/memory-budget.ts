/** Of each level, windows beyond the floor may promise this share: the rest is for what must be kept in any case. */
export const PROMISED_SHARE = 5 / 8;
/** First windows may promise this share of each level, so that idle streams leave room for those that read fast. */
export const FIRST_WINDOWS_SHARE = 3 / 8;
/** The share of the top level, where others share it. */
const SHARED_SHARE = 7 / 8;
/** From this share on, which windows alone do not reach, applications are read a little at a time. */
const TIGHT_SHARE = 3 / 4;
/** From this share on, those who have more than their part of a level that others share get nothing more to send. */
const CONTESTED_SHARE = 3 / 4;

/**
 * The memory of one level: a process, a client, a session. What is taken counts at every level above, too. It counts what is
 * kept for streams in both directions: bytes with what holding them costs, and what windows promise.
 *
 * A level whose children use nearly all of it is contested: then each child that has more than an equal part of it is full.
 */
export class MemoryBudget {
  readonly limitBytes: number;
  readonly #parent: MemoryBudget | undefined;
  #usedBytes = 0;
  /** Children that use anything. */
  #users = 0;
  #refusals = 0;

  constructor(limitBytes: number, parent?: MemoryBudget) {
    this.limitBytes = limitBytes;
    this.#parent = parent;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Streams that were refused or reset because there was no memory for them. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Streams were refused or reset. */
  onRefused(count = 1): void {
    this.#refusals += count;
    this.#parent?.onRefused(count);
  }

  /** What is free at every level below this share of its limit. */
  freeBytes(share = 1): number {
    // A client has but its part of the top level: there, strangers who promise all they may must leave room for the next one.
    const isShared = this.#parent === undefined && this.#users > 0;
    const limitBytes = this.limitBytes * (isShared ? Math.max(share, SHARED_SHARE) : share);
    const own = Math.max(0, Math.floor(limitBytes) - this.#usedBytes);
    return this.#parent === undefined ? own : Math.min(own, this.#parent.freeBytes(share));
  }

  /** Whether some level is so full that applications should be read a little at a time. */
  get isTight(): boolean {
    if (this.#usedBytes >= this.limitBytes * TIGHT_SHARE || this.#isOverItsPart) return true;
    const parent = this.#parent;
    // The top level is shared by strangers: what they use is no reason, as long as each has its part.
    return parent !== undefined && parent.#parent !== undefined && parent.isTight;
  }

  /** Whether nothing more should be read from applications: some level has no room, or others need what is left. */
  get isFull(): boolean {
    if (this.#usedBytes >= this.limitBytes || this.#isOverItsPart) return true;
    return this.#parent?.isFull ?? false;
  }

  /** Takes so much if it is free at every level below this share of its limit. */
  tryTake(bytes: number, share = 1): boolean {
    if (bytes > this.freeBytes(share)) return false;
    this.take(bytes);
    return true;
  }

  /** Takes so much even past the limits: for what has been read already. `isFull` says when to stop. */
  take(bytes: number): void {
    if (bytes === 0) return;
    if (this.#usedBytes === 0 && this.#parent !== undefined) this.#parent.#users++;
    this.#usedBytes += bytes;
    this.#parent?.take(bytes);
  }

  give(bytes: number): void {
    if (bytes === 0) return;
    this.#usedBytes -= bytes;
    this.#parent?.give(bytes);
    if (this.#usedBytes === 0 && this.#parent !== undefined) this.#parent.#users--;
  }

  get #isOverItsPart(): boolean {
    const parent = this.#parent;
    if (parent === undefined || parent.#users < 2) return false;
    const isContested = parent.#usedBytes >= parent.limitBytes * CONTESTED_SHARE;
    return isContested && this.#usedBytes > parent.limitBytes / parent.#users;
  }
}
