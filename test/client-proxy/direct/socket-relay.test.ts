import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { relaySockets } from '../../../client-proxy/direct/socket-relay.ts';
import { BlockPool } from '../../../shared/runtime/app/block-pool.ts';
import { type AppPair, appPair, pattern, readAll } from '../../runtime/app/app-pair.ts';

let near: AppPair;
let far: AppPair;
let pool: BlockPool;
let originClosed: number;
let traffic: { sentBytes: number; receivedBytes: number };

beforeEach(async () => {
  pool = new BlockPool(() => performance.now());
  near = await appPair({ pool });
  far = await appPair({ pool });
  traffic = { sentBytes: 0, receivedBytes: 0 };
  originClosed = 0;
  relaySockets(near.app, far.app, traffic, () => originClosed++);
});
afterEach(() => {
  near.close();
  far.close();
});

test('bytes arrive both ways, whole and counted', async () => {
  const up = pattern(3_000_000, 1);
  const down = pattern(2_000_000, 2);
  near.peer.end(up);
  far.peer.end(down);
  const [gotUp, gotDown] = await Promise.all([readAll(far.peer), readAll(near.peer)]);
  expect(gotUp.equals(up)).toBe(true);
  expect(gotDown.equals(down)).toBe(true);
  expect(traffic).toEqual({ sentBytes: up.length, receivedBytes: down.length });
});

test('an origin answers after the application has finished sending', async () => {
  near.peer.end('question');
  expect((await readAll(far.peer)).toString()).toBe('question');
  far.peer.end('answer');
  expect((await readAll(near.peer)).toString()).toBe('answer');
});

test('after an end both ways nothing is left, and no memory kept', async () => {
  near.peer.end(pattern(1_000_000));
  far.peer.end();
  far.peer.resume();
  near.peer.resume();
  await Promise.all([once(near.peer, 'close'), once(far.peer, 'close')]);
  await expect.poll(() => pool.usedBytes).toBe(0);
  expect(originClosed).toBe(1);
});

test.each(['near', 'far'] as const)('a reset of the %s side reaches the other', async (which) => {
  const [broken, other] = which === 'near' ? [near, far] : [far, near];
  other.peer.on('error', () => {});
  other.peer.resume();
  const closed = new Promise<string | undefined>((resolve) => {
    other.peer.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    other.peer.once('end', () => resolve('end'));
  });
  broken.peer.resetAndDestroy();
  expect(await closed).toBe('ECONNRESET');
});

test('a reader that does not read holds up its writer, and its memory comes back with the reset', async () => {
  const bytes = pattern(256 * 1024);
  // What the kernel takes on both sides is bounded; then nothing drains.
  let written = 0;
  while (written < 200_000_000) {
    written += bytes.length;
    if (near.peer.write(bytes)) continue;
    const isDrained = await new Promise<boolean>((resolve) => {
      near.peer.once('drain', () => resolve(true));
      setTimeout(resolve, 300, false);
    });
    if (!isDrained) break;
  }
  expect(written).toBeLessThan(100_000_000);
  expect(pool.usedBytes).toBeLessThan(2_000_000);
  near.peer.on('error', () => {});
  far.peer.on('error', () => {});
  far.peer.resetAndDestroy();
  await expect.poll(() => pool.usedBytes).toBe(0);
});
