import { concatBytes } from '../../protocol/codec/bytes.ts';
import { type Chunk, OwnBytes } from '../../protocol/memory/chunk.ts';

/** Shorter chunks are copied together: to a socket each buffer costs more than its bytes. */
const SHORT_BYTES = 8 * 1024;
/** A short chunk is copied if it keeps more than this many times its bytes in use. */
const MOST_PINNED = 8;

/**
 * Prepares chunks for a receiver that may be slow. Neighbours in memory become one chunk, which costs the socket less. Short
 * chunks are copied and released: otherwise an application that does not read would hold much more memory than its bytes.
 */
export function compactChunks(chunks: readonly Chunk[]): readonly Chunk[] {
  const compact: Chunk[] = [];
  let short: Chunk[] = [];
  const endShort = () => {
    if (short.length > 1 || short.some(pinsMuch)) compact.push(copyOf(short));
    else compact.push(...short);
    short = [];
  };
  for (const chunk of joinNeighbours(chunks)) {
    if (chunk.bytes.length < SHORT_BYTES) {
      short.push(chunk);
    } else {
      endShort();
      compact.push(chunk);
    }
  }
  endShort();
  return compact;
}

/** Chunks that are neighbours in memory, as one. */
class JoinedChunk implements Chunk {
  readonly bytes: Uint8Array;
  readonly #parts: readonly Chunk[];

  constructor(bytes: Uint8Array, parts: readonly Chunk[]) {
    this.bytes = bytes;
    this.#parts = parts;
  }

  release(): void {
    for (const part of this.#parts) part.release();
  }
}

/** Neighbours in memory become one chunk. */
export function joinNeighbours(chunks: readonly Chunk[]): readonly Chunk[] {
  const joined: Chunk[] = [];
  for (let start = 0; start < chunks.length; ) {
    const { buffer, byteOffset } = chunks[start]!.bytes;
    let end = start;
    let length = 0;
    while (chunks[end]?.bytes.buffer === buffer && chunks[end]!.bytes.byteOffset === byteOffset + length) {
      length += chunks[end]!.bytes.length;
      end++;
    }
    const parts = chunks.slice(start, end);
    joined.push(
      parts.length === 1 ? parts[0]! : new JoinedChunk(new Uint8Array(buffer, byteOffset, length), parts),
    );
    start = end;
  }
  return joined;
}

function copyOf(chunks: readonly Chunk[]): Chunk {
  const copy = new OwnBytes(concatBytes(...chunks.map(({ bytes }) => bytes)));
  for (const chunk of chunks) chunk.release();
  return copy;
}

function pinsMuch({ bytes }: Chunk): boolean {
  return bytes.length * MOST_PINNED < bytes.buffer.byteLength;
}
