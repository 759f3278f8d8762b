import { MisuseError } from '../../protocol/errors.js';
import { OwnBytes } from '../../protocol/memory/chunk.js';
/** Four full TLS records. Not more, since a few bytes of a stalled stream keep a whole slab in use. */
export const SLAB_BYTES = 65_536;
/** Plaintext of a full TLS record (RFC 8446 section 5.1), and so of one read. */
export const RECORD_BYTES = 16_384;
/** A read this soon after a full one belongs to bulk, and so will the next: above 26 Mbit/s, or in bursts. */
const BULK_GAP_MS = 5;
/** Kept for the next burst; the garbage collector has the rest. */
export const MAX_FREE_SLAB_BYTES = 4 * 1024 * 1024;
/** What all slabs in use may take by default. Applications that take what comes need some hundred KiB each at any time. */
const DEFAULT_POOL_BYTES = 32 * 1024 * 1024;
/**
 * The memory that all subflows of a process are read into. Busy subflows read record after record into slabs that are used
 * again: a new buffer for each of a gigabyte's 65,000 records would keep the garbage collector busy. At the bound, subflows read
 * as quiet ones do, and copy: a few bytes for an application that does not read keep a whole slab, and no budget counts that.
 */
export class ReceivePool {
    /** Readers tell by it whether their subflow is busy. */
    clock;
    /** Quiet subflows read into this buffer. Node calls back right after each read, and the callback copies what came. */
    scratch = new Uint8Array(SLAB_BYTES);
    #maxSlabs;
    #free = [];
    #slabsInUse = 0;
    constructor(clock, maxBytes = DEFAULT_POOL_BYTES) {
        this.clock = clock;
        this.#maxSlabs = Math.floor(maxBytes / SLAB_BYTES);
    }
    /** An empty slab, whose one holder is the caller; undefined at the bound. */
    take() {
        if (this.#slabsInUse >= this.#maxSlabs)
            return undefined;
        this.#slabsInUse++;
        const slab = this.#free.pop() ?? new Slab(this);
        slab.retain();
        return slab;
    }
    /** Nobody holds the slab any more. */
    giveBack(slab) {
        this.#slabsInUse--;
        if (this.#free.length * SLAB_BYTES < MAX_FREE_SLAB_BYTES)
            this.#free.push(slab);
    }
}
/** A piece of a pool's memory. It counts who reads it or reads into it. */
class Slab {
    memory = new ArrayBuffer(SLAB_BYTES);
    usedBytes = 0;
    #pool;
    #holders = 0;
    constructor(pool) {
        this.#pool = pool;
    }
    retain() {
        this.#holders++;
    }
    release() {
        this.#holders--;
        if (this.#holders > 0)
            return;
        this.usedBytes = 0;
        this.#pool.giveBack(this);
    }
}
/** A chunk in a slab: what one read brought, or a part of that. */
class SlabChunk {
    bytes;
    #slab;
    constructor(bytes, slab) {
        this.bytes = bytes;
        this.#slab = slab;
        slab.retain();
    }
    keep(part) {
        if (this.#slab === undefined)
            throw new MisuseError('a part of a chunk was kept after its release');
        return new SlabChunk(part, this.#slab);
    }
    release() {
        const slab = this.#slab;
        // Otherwise another stream's bytes would be handed on.
        if (slab === undefined)
            throw new MisuseError('a received chunk was released twice');
        this.#slab = undefined;
        slab.release();
    }
}
/**
 * Gives one subflow its read buffers. A quiet subflow holds no slab, except for the last one if it was busy until just now.
 */
export class SubflowReader {
    #pool;
    #slab;
    #lastFullMs = Number.NEGATIVE_INFINITY;
    #isBulk = false;
    constructor(pool) {
        this.#pool = pool;
    }
    /** What a read into the last `next()` brought. */
    take(length) {
        const nowMs = this.#pool.clock();
        this.#isBulk = nowMs - this.#lastFullMs <= BULK_GAP_MS;
        if (length >= RECORD_BYTES)
            this.#lastFullMs = nowMs;
        const slab = this.#slab;
        if (slab === undefined)
            return new OwnBytes(this.#pool.scratch.slice(0, length));
        const bytes = new Uint8Array(slab.memory, slab.usedBytes, length);
        slab.usedBytes += length;
        return new SlabChunk(bytes, slab);
    }
    /** The buffer for the next read. Call it right after `take`, whose time decides which buffer it is. */
    next() {
        if (!this.#isBulk) {
            this.close();
            return this.#pool.scratch;
        }
        if (this.#slab === undefined || this.#slab.usedBytes + RECORD_BYTES > SLAB_BYTES) {
            this.close();
            this.#slab = this.#pool.take();
            if (this.#slab === undefined)
                return this.#pool.scratch;
        }
        return new Uint8Array(this.#slab.memory, this.#slab.usedBytes);
    }
    /** Nothing more will be read into what `next()` returned. */
    close() {
        this.#slab?.release();
        this.#slab = undefined;
    }
}
