/** Room in front of what is read, for the header of the frame that carries it (SPEC.md, DATA). */
export const HEADROOM_BYTES = 24;
/** With its header, the longest frame: exactly sixteen full TLS records (16384 bytes each, RFC 8446 section 5.1). */
export const BLOCK_BYTES = 262_144;
/** What one read into scratch memory can bring at most: libuv's own choice of size. */
export const SCRATCH_BYTES = 65_536;
/**
 * What the first read after a pause can bring: as much as a TLS record carries. Thousands of connections that wake at once
 * and whose peers take nothing bring no more than this each before they are told to wait.
 */
export const FIRST_READ_BYTES = 16_384;
/** What one read into a block can bring at most. */
export const READ_BYTES = BLOCK_BYTES - HEADROOM_BYTES;
/**
 * The read buffers of all application connections of a process. A block has one owner at a time: the connection
 * that reads into it, then whoever holds the chunk that was read, until it comes back here.
 *
 * At the bound `acquire` returns undefined. The connection then reads through `scratch` and copies what came into memory of
 * the right size. That is slower, but it never gets stuck, and the bounds of the streams' backlogs still hold.
 */
export class BlockPool {
    /**
     * Connections without a block read into this buffer. They can share it, because Node calls back right after each read, and
     * the callback copies the bytes out. So an idle connection holds no memory, except for one block if its last read was full.
     */
    scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    /** A part of it, for the first read. */
    firstScratch = this.scratch.subarray(0, FIRST_READ_BYTES);
    /** Readers tell by it whether their connection is a bulk transfer. */
    clock;
    #maxBlocks;
    #free = [];
    #blocksInUse = 0;
    /** `maxBytes` bounds the blocks that are out at one time. */
    constructor(clock, maxBytes = DEFAULT_POOL_BYTES) {
        this.clock = clock;
        this.#maxBlocks = Math.floor(maxBytes / BLOCK_BYTES);
    }
    /** Bytes of the blocks that are out now. */
    get usedBytes() {
        return this.#blocksInUse * BLOCK_BYTES;
    }
    acquire() {
        if (this.#blocksInUse >= this.#maxBlocks)
            return undefined;
        this.#blocksInUse += 1;
        return this.#free.pop() ?? newBlock();
    }
    /** Only the owner may call this, and only once: afterwards the memory may belong to another connection. */
    release(block) {
        this.#blocksInUse -= 1;
        if (this.#free.length * BLOCK_BYTES < MAX_FREE_BLOCK_BYTES)
            this.#free.push(block);
    }
}
/** What all connections together have read and not yet written: a second of 500 Mbit/s. */
const DEFAULT_POOL_BYTES = 64 * 1024 * 1024;
/** Kept for the next burst; the garbage collector has the rest. */
export const MAX_FREE_BLOCK_BYTES = 8 * 1024 * 1024;
function newBlock() {
    const memory = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    return { readable: memory.subarray(HEADROOM_BYTES) };
}
