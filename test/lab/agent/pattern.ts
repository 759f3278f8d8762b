/** Prime, so that no power-of-two shift, swap or repetition of pieces goes unnoticed. */
const PERIOD_BYTES = 1_048_573;

/** Most bytes that {@link patternAt} gives. */
export const MAX_PATTERN_BYTES = 256 * 1024;

const table = makeTable();

/** The bytes that belong at `offset` of every transfer started from that offset; at most {@link MAX_PATTERN_BYTES}. */
export function patternAt(offset: number, length: number): Buffer {
  const start = offset % PERIOD_BYTES;
  return table.subarray(start, start + Math.min(length, MAX_PATTERN_BYTES));
}

/** Whether `bytes` are those that belong at `offset`. */
export function isPatternAt(offset: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += MAX_PATTERN_BYTES) {
    const piece = bytes.subarray(at, at + MAX_PATTERN_BYTES);
    if (Buffer.compare(piece, patternAt(offset + at, piece.length)) !== 0) return false;
  }
  return true;
}

function makeTable(): Buffer {
  const bytes = Buffer.allocUnsafe(PERIOD_BYTES + MAX_PATTERN_BYTES);
  let state = 0x9e3779b9;
  for (let i = 0; i < PERIOD_BYTES; i++) {
    // xorshift32 (Marsaglia 2003).
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 255;
  }
  bytes.copy(bytes, PERIOD_BYTES, 0, MAX_PATTERN_BYTES);
  return bytes;
}
