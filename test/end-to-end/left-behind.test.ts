import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Origin, startOrigin } from './support/origin.ts';
import { Pair } from './support/pair.ts';
import { readAll, socksConnect } from './support/socks-client.ts';

/** Longer than from one look at an application's connection to the next. */
const ORIGIN_WAITS_MS = 3_000;
/** What the buffers on the way take differs, so that some of these wait at the client alone, to their end. */
const UPLOADS = Array.from({ length: 16 }, (_, index) => (index + 1) * 100_000);

describe('an application that is gone while its upload waits', () => {
  let pair: Pair;
  let origin: Origin;
  let received: number[];
  beforeAll(async () => {
    // The client looks at its connections every half second then.
    pair = await Pair.start({ client: { connections: { stallTimeout: '2s' } } });
    origin = await startOrigin((socket) => {
      let bytes = 0;
      let isWhole = false;
      socket.pause();
      socket.end('enough');
      setTimeout(() => socket.resume(), ORIGIN_WAITS_MS);
      socket.on('data', (chunk) => {
        bytes += chunk.length;
      });
      socket.once('end', () => {
        isWhole = true;
      });
      socket.once('close', () => received.push(isWhole ? bytes : Number.NaN));
    });
  });
  afterAll(async () => {
    await pair.close();
    await origin.close();
  });

  it('has all of it delivered', { timeout: 180_000 }, async () => {
    received = [];
    const all = UPLOADS.map(async (bytes) => {
      const { socket } = await socksConnect(pair.socks, origin);
      socket.end(Buffer.alloc(bytes));
      const { error } = await readAll(socket);
      expect(error).toBeUndefined();
    });
    await Promise.all(all);
    const delivered = () => received.toSorted((one, other) => one - other);
    await expect.poll(delivered, { timeout: 25_000 }).toEqual(UPLOADS);
  });
});
