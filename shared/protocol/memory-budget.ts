/** Of each level, windows beyond the floor may promise this share: the rest is for what must be kept in any case. */
export const PROMISED_SHARE = 5 / 8;
/** First windows may promise this share of each level, so that idle streams leave room for those that read fast. */
export const FIRST_WINDOWS_SHARE = 3 / 8;
/** The share of the top level, where others share it. */
const SHARED_SHARE = 7 / 8;
/** From this share on, which windows alone do not reach, applications are read a little at a time, */
const TIGHT_SHARE = 3 / 4;
/** and from this one on not at all: what waits to be sent leaves room for what the peer may send in any case, and for new streams. */
export const FULL_SHARE = 7 / 8;
/** These two may take this share of a level, but for the top one: every stream may use the floor of its window at any time. */
export const KEPT_SHARE = 9 / 8;
/** From this share on, those who have more than their part of a level that others share get nothing more to send. */
const CONTESTED_SHARE = 3 / 4;
/** What lasts as long as streams do may take this share of a level, so that room is left for what they carry, */
const LASTING_SHARE = 1 / 2;
/** and this one of the top level, where every other level has its own bound. */
const SHARED_LASTING_SHARE = 3 / 4;

/**
 * The memory of one level: a process, a client, a session. What is taken counts at every level above, too. It counts what is
 * kept for streams in both directions: bytes with what holding them costs, and what windows promise.
 *
 * A level whose children use nearly all of it is contested: then each child that has more than an equal part of it is full.
 */
export class MemoryBudget {
  #limitBytes: number;
  readonly #parent: MemoryBudget | undefined;
  #usedBytes = 0;
  #lastingBytes = 0;
  /** Children that use anything. */
  #users = 0;
  #refusals = 0;

  constructor(limitBytes: number, parent?: MemoryBudget) {
    this.#limitBytes = limitBytes;
    this.#parent = parent;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** Another limit from now on. What has been taken beyond it stays; nothing more is had until it is given back. */
  setLimit(limitBytes: number): void {
    this.#limitBytes = limitBytes;
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

  /** What is free at every level below this share of its limit; at the top one at most all of it. */
  freeBytes(share = 1): number {
    if (this.#parent !== undefined) return Math.min(this.#ownFreeBytes(share), this.#parent.freeBytes(share));
    // A client has but its part of the top level: there, strangers who promise all they may must leave room for the next one.
    const least = this.#users > 0 ? SHARED_SHARE : 0;
    return this.#ownFreeBytes(Math.min(1, Math.max(share, least)));
  }

  /** Whether some level is so full that applications should be read a little at a time. */
  get isTight(): boolean {
    if (this.#usedBytes >= this.limitBytes * TIGHT_SHARE || this.#isOverItsPart) return true;
    const parent = this.#parent;
    // The top level is shared by strangers: what they use is no reason, as long as each has its part.
    return parent !== undefined && parent.#parent !== undefined && parent.isTight;
  }

  /** Whether nothing more should be read from applications: some level has no room for it, or others need what is left. */
  get isFull(): boolean {
    if (this.#usedBytes >= this.limitBytes * FULL_SHARE || this.#isOverItsPart) return true;
    return this.#parent?.isFull ?? false;
  }

  /** Whether this share of a level that others use as well is used up. */
  isShortForOthers(share: number): boolean {
    const parent = this.#parent;
    if (parent === undefined) return false;
    const isShort = parent.#users > 1 && parent.#usedBytes >= parent.limitBytes * share;
    return isShort || parent.isShortForOthers(share);
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

  /** Whether so much more may be taken for what stays as long as its stream, whether it carries anything or not. */
  hasRoomToLast(bytes: number): boolean {
    const parent = this.#parent;
    const share = parent === undefined && this.#users > 0 ? SHARED_LASTING_SHARE : LASTING_SHARE;
    if (this.#lastingBytes + bytes > this.limitBytes * share) return false;
    return parent?.hasRoomToLast(bytes) ?? true;
  }

  /** As `take`, for what stays as long as its stream. */
  takeLasting(bytes: number): void {
    this.take(bytes);
    this.#addLasting(bytes);
  }

  giveLasting(bytes: number): void {
    this.give(bytes);
    this.#addLasting(-bytes);
  }

  #addLasting(bytes: number): void {
    this.#lastingBytes += bytes;
    if (this.#parent !== undefined) this.#parent.#addLasting(bytes);
  }

  #ownFreeBytes(share: number): number {
    return Math.max(0, Math.floor(this.limitBytes * share) - this.#usedBytes);
  }

  get #isOverItsPart(): boolean {
    const parent = this.#parent;
    if (parent === undefined || parent.#users < 2) return false;
    const isContested = parent.#usedBytes >= parent.limitBytes * CONTESTED_SHARE;
    return isContested && this.#usedBytes > parent.limitBytes / parent.#users;
  }
}
