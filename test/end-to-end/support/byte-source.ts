import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

const POOL = randomBytes(4 * 1024 * 1024);
const CHUNK_BYTES = 256 * 1024;
/** Odd and not near a power of two: the same bytes come at ever other places. */
const STEP_BYTES = 1_000_003;

/** Writes `length` bytes that no shift or swap leaves the same, ends the stream, and answers their SHA-256. */
export async function sendBytes(target: Writable, length: number): Promise<string> {
  const hash = createHash('sha256');
  for (let sent = 0, i = 0; sent < length; i += 1) {
    const start = (i * STEP_BYTES) % (POOL.length - CHUNK_BYTES);
    const chunk = POOL.subarray(start, start + Math.min(CHUNK_BYTES, length - sent));
    hash.update(chunk);
    sent += chunk.length;
    if (!target.write(chunk)) await once(target, 'drain');
  }
  target.end();
  return hash.digest('hex');
}

/** The SHA-256 and the number of all bytes that a stream gives until its end; rejects when it breaks before. */
export function hashBytes(source: Readable): Promise<{ sha256: string; length: number }> {
  const hash = createHash('sha256');
  let length = 0;
  return new Promise((resolve, reject) => {
    source.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      length += chunk.length;
    });
    source.once('end', () => resolve({ sha256: hash.digest('hex'), length }));
    source.once('error', reject);
    source.once('close', () => reject(new Error('closed before its end')));
  });
}
