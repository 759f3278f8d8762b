/**
 * Bytes that receive windows may promise. A session's budget sits under its process's: a reservation must fit in both.
 */
export class MemoryBudget {
  readonly #limitBytes: number;
  readonly #parent: MemoryBudget | undefined;
  #reservedBytes = 0;

  constructor(limitBytes: number, parent?: MemoryBudget) {
    this.#limitBytes = limitBytes;
    this.#parent = parent;
  }

  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  get availableBytes(): number {
    const own = Math.max(0, this.#limitBytes - this.#reservedBytes);
    return this.#parent === undefined ? own : Math.min(own, this.#parent.availableBytes);
  }

  tryReserve(bytes: number): boolean {
    if (bytes > this.availableBytes) return false;
    this.reserve(bytes);
    return true;
  }

  /** Reserves even past the limit: for the floor that every stream is promised, bounded by the number of streams. */
  reserve(bytes: number): void {
    this.#reservedBytes += bytes;
    this.#parent?.reserve(bytes);
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes;
    this.#parent?.release(bytes);
  }
}
