/** Entries of one block: inserting one moves at most so many, and as many blocks. */
const BLOCK_ENTRIES = 64;
/** Memory of a segment that is added to, at least. */
const MIN_GROWN_BYTES = 64;

/** Bytes of a stream that wait for a hole in front of them: a copy, which grows at either end for little. */
export class KeptSegment {
  #dsn: number;
  #memory: Uint8Array;
  #start = 0;
  #end: number;

  constructor(dsn: number, bytes: Uint8Array) {
    this.#dsn = dsn;
    // A copy, since it may wait for long and would keep all that was read with it. (The slice() of a Buffer shares its memory.)
    this.#memory = new Uint8Array(bytes);
    this.#end = bytes.length;
  }

  get dsn(): number {
    return this.#dsn;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  get endDsn(): number {
    return this.#dsn + this.length;
  }

  get bytes(): Uint8Array {
    return this.#memory.subarray(this.#start, this.#end);
  }

  /** Adds what follows it. */
  append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#memory.length) this.#grow(bytes.length, 'behind');
    this.#memory.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Adds what goes before it. */
  prepend(bytes: Uint8Array): void {
    if (bytes.length > this.#start) this.#grow(bytes.length, 'before');
    this.#start -= bytes.length;
    this.#dsn -= bytes.length;
    this.#memory.set(bytes, this.#start);
  }

  /** To twice what is needed: a byte is copied about once, however small the pieces are. */
  #grow(byBytes: number, where: 'before' | 'behind'): void {
    const { bytes } = this;
    const memory = new Uint8Array(Math.max(MIN_GROWN_BYTES, 2 * (bytes.length + byBytes)));
    this.#start = where === 'before' ? memory.length - bytes.length : 0;
    this.#end = this.#start + bytes.length;
    memory.set(bytes, this.#start);
    this.#memory = memory;
  }
}

/**
 * Disjoint segments by DSN, in blocks: wherever a peer makes its holes, keeping one more costs about the same. Those who use it see to
 * their number.
 */
export class KeptSegments {
  /** None of them is empty. */
  #blocks: KeptSegment[][] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The one with the lowest DSN. */
  get first(): KeptSegment | undefined {
    return this.#blocks[0]?.[0];
  }

  removeFirst(): void {
    const [block] = this.#blocks;
    if (block === undefined) return;
    block.shift();
    this.#length--;
    if (block.length === 0) this.#blocks.shift();
  }

  /** The place of the first that ends after `dsn`, or behind all of them. */
  seek(dsn: number): Place {
    const blocks = this.#blocks;
    // Nearly always it is the end.
    const last = blocks.at(-1)?.at(-1);
    if (last === undefined || last.endDsn <= dsn) return { block: blocks.length, at: 0 };
    const block = firstWhere(blocks, (one) => one.at(-1)!.endDsn > dsn);
    return { block, at: firstWhere(blocks[block]!, (one) => one.endDsn > dsn) };
  }

  get({ block, at }: Place): KeptSegment | undefined {
    return this.#blocks[block]?.[at];
  }

  /** The one before a place. */
  before({ block, at }: Place): KeptSegment | undefined {
    return at > 0 ? this.#blocks[block]?.[at - 1] : this.#blocks[block - 1]?.at(-1);
  }

  next({ block, at }: Place): Place {
    return this.#normal(block, at + 1);
  }

  /** @returns the place behind the new segment: of the one that was at `place` */
  insert({ block, at }: Place, segment: KeptSegment): Place {
    const blocks = this.#blocks;
    this.#length++;
    if (blocks.length === 0) blocks.push([]);
    if (block === blocks.length) {
      block--;
      at = blocks[block]!.length;
    }
    const entries = blocks[block]!;
    entries.splice(at, 0, segment);
    if (entries.length <= BLOCK_ENTRIES) return this.#normal(block, at + 1);
    const half = entries.length >>> 1;
    blocks.splice(block + 1, 0, entries.splice(half));
    return at + 1 <= half ? this.#normal(block, at + 1) : this.#normal(block + 1, at + 1 - half);
  }

  #normal(block: number, at: number): Place {
    return at < (this.#blocks[block]?.length ?? 0) ? { block, at } : { block: block + 1, at: 0 };
  }
}

/** A place among segments, until one is inserted or removed. */
export interface Place {
  readonly block: number;
  readonly at: number;
}

/** The index of the first entry that has what all behind it have; the length where none does. */
function firstWhere<Entry>(entries: readonly Entry[], has: (entry: Entry) => boolean): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (has(entries[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
