import { concatBytes } from '../../protocol/codec/bytes.ts';
import { pinsSlab, releaseReceived, SLAB_BYTES } from './receive-pool.ts';

/** A piece keeps its slab out of use: one that is kept as it is keeps at most eight times its bytes. */
const COPIED_BELOW_BYTES = SLAB_BYTES / 8;

/**
 * The same bytes for somebody who may take long: pieces that lie behind each other in memory become one, which costs the socket
 * less, and short ones are copied together and handed back, or an application that does not read would keep a slab for each of them.
 */
export function compactReceived(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const compact: Uint8Array[] = [];
  let short: Uint8Array[] = [];
  const copyShort = () => {
    if (short.length > 1 || short.some(pinsSlab)) {
      compact.push(concatBytes(...short));
      for (const piece of short) releaseReceived(piece);
    } else {
      compact.push(...short);
    }
    short = [];
  };
  for (const piece of joinNeighbours(pieces)) {
    if (piece.length < COPIED_BELOW_BYTES) {
      short.push(piece);
    } else {
      copyShort();
      compact.push(piece);
    }
  }
  copyShort();
  return compact;
}

function joinNeighbours(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const joined: Uint8Array[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (last?.buffer === piece.buffer && last.byteOffset + last.length === piece.byteOffset) {
      joined[joined.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + piece.length);
    } else {
      joined.push(piece);
    }
  }
  return joined;
}
