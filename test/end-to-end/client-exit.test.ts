import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startOrigin } from './support/origin.ts';
import { Pair, UPLINKS } from './support/pair.ts';
import { socksConnect } from './support/socks-client.ts';

const UPLOAD_BYTES = 3_000_000;
/** Both uplinks together need a second and a half for that. */
const RATE = '8Mbit/s';

it('a client that ends carries on what an application has sent before it closed', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'tributary-state-'));
  onTestFinished(() => rm(stateDir, { recursive: true }));
  const metered = { rateLimit: RATE };
  const uplinks = UPLINKS.map((name, i) => ({ name, address: `127.0.0.${2 + i}`, metered }));
  const pair = await Pair.start({ client: { uplinks, stateDir } });
  onTestFinished(() => pair.close());

  let received = 0;
  // It has nothing to say, so the application may close in order once it has sent everything.
  const origin = await startOrigin((socket) => {
    socket.on('data', (bytes) => {
      received += bytes.length;
    });
    socket.end();
  });
  onTestFinished(() => origin.close());

  const { socket: application } = await socksConnect(pair.socks, origin);
  application.resume().end(Buffer.alloc(UPLOAD_BYTES));
  await once(application, 'close');
  pair.client.child.kill('SIGTERM');
  expect(await pair.client.untilExit(12_000)).toBe(0);
  await expect.poll(() => received).toBe(UPLOAD_BYTES);
});
