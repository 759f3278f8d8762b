/** Bytes in memory that belongs to somebody else. Whoever takes a chunk gives it back, once, or hands it on to one who does. */
export interface Chunk {
  readonly bytes: Uint8Array;
  /** Gives the memory back; nobody may read `bytes` afterwards. Throws MisuseError the second time where the memory is used again. */
  release(): void;
}

/** A chunk to be sent. */
export interface OutgoingChunk extends Chunk {
  /**
   * Free bytes directly in front of `bytes` in the same memory, where a frame header may be written so that header and payload
   * leave as one buffer; 0 where there are none.
   */
  readonly headroomBytes: number;
}

/** What one read of a subflow brought. Parts of it may be needed for longer than the whole. */
export interface ReceivedChunk extends Chunk {
  /**
   * A chunk of its own for a part of `bytes`, which is not copied: the memory is used again when the whole and all of its
   * parts are given back.
   */
  keep(part: Uint8Array): Chunk;
}

/** Bytes in memory of their own, which the garbage collector takes back. */
export class OwnBytes implements OutgoingChunk, ReceivedChunk {
  readonly bytes: Uint8Array;
  readonly headroomBytes: number;

  constructor(bytes: Uint8Array, headroomBytes = 0) {
    this.bytes = bytes;
    this.headroomBytes = headroomBytes;
  }

  keep(part: Uint8Array): Chunk {
    return new OwnBytes(part);
  }

  /** Nothing to do. */
  release(): void {}
}
