import { Random } from './random.ts';

/** A prime, so that the content never lines up with any segment size. */
const PERIOD = 1_048_573;
const BASE = makeBase();

function makeBase(): Buffer {
  const base = Buffer.alloc(PERIOD * 2);
  const random = new Random(7);
  for (let i = 0; i < PERIOD; i++) base[i] = random.integer(0, 255);
  base.copyWithin(PERIOD, 0, PERIOD);
  return base;
}

/** What a stream carries in one direction: a byte's value depends on the direction's key and on its DSN. */
export function patternAt(key: number, dsn: number, length: number): Uint8Array {
  const start = (key * 7919 + dsn) % PERIOD;
  if (length > PERIOD) throw new RangeError('longer than the pattern');
  return BASE.subarray(start, start + length);
}

export function isPattern(key: number, dsn: number, bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, patternAt(key, dsn, bytes.length)) === 0;
}
