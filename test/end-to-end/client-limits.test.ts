import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useCleanups } from '../support/cleanups.ts';
import { hashBytes, sendBytes } from './support/byte-source.ts';
import { type Origin, startEcho, startOrigin } from './support/origin.ts';
import { Pair } from './support/pair.ts';
import { readBytes, socksConnect } from './support/socks-client.ts';

const MEGABYTE = 1_000_000;
/** 8 Mbit/s. */
const RATE = MEGABYTE;
/** A quarter of a second's worth is saved up before, and each connection writes up to 256 KiB at once. */
const SAVED_SECONDS = 1.2;
const NOT_ALLOWED = 2;

describe('what the list of clients says of a client', () => {
  let pair: Pair;
  let origin: Origin;
  const onCleanup = useCleanups();
  beforeAll(async () => {
    origin = await startOrigin();
    pair = await Pair.start({ entry: { rateLimit: '8Mbit/s', quota: '1TB' } });
  });
  afterAll(async () => {
    await pair.close();
    await origin.close();
  });

  async function opened() {
    const accepted = origin.nextConnection();
    const { reply, socket } = await socksConnect(pair.socks, origin);
    expect(reply).toBe(0);
    onCleanup(() => socket.destroy());
    return { socket, atOrigin: await accepted };
  }

  it.each(['down', 'up'] as const)(
    'holds all connections together to the rate, %s, and lets one that says little pass',
    { timeout: 180_000 },
    async (direction) => {
      const echo = await startEcho();
      onCleanup(() => echo.close());
      const shell = await socksConnect(pair.socks, echo);
      const bulk = [await opened(), await opened(), await opened()];
      const startMs = performance.now();
      const moved = bulk.map(({ socket, atOrigin }) => {
        const [from, to] = direction === 'down' ? [atOrigin, socket] : [socket, atOrigin];
        return Promise.all([sendBytes(from, MEGABYTE), hashBytes(to)]);
      });
      const waits: number[] = [];
      for (let i = 0; i < 5; i++) {
        const askedMs = performance.now();
        shell.socket.write('x');
        await readBytes(shell.socket, 1);
        waits.push(performance.now() - askedMs);
      }
      shell.socket.destroy();
      for (const [sha256, got] of await Promise.all(moved)) expect(got).toEqual({ sha256, length: MEGABYTE });
      const seconds = (performance.now() - startMs) / 1_000;
      const mbit = (3 * MEGABYTE * 8) / 1e6 / seconds;
      console.log(
        `${direction}: ${mbit.toFixed(2)} of 8 Mbit/s; a byte and back beside it: ${waits.map(Math.round)} ms`,
      );
      expect(seconds).toBeGreaterThan((3 * MEGABYTE) / RATE - SAVED_SECONDS);
      expect([...waits].sort((a, b) => a - b)[2]).toBeLessThan(1_000);
    },
  );

  it('refuses new connections when the quota is used up, slows those that are open, and counts all of it', async () => {
    const used = (await pair.metrics('concentrator')).sum('tributary_client_bytes_total', {
      client: 'laptop',
    });
    await pair.allow({ quota: `${Math.ceil(used / MEGABYTE) + 2}MB` });
    const { socket, atOrigin } = await opened();
    const got = hashBytes(socket).catch(() => undefined);
    // More than is left, if anything is left.
    void sendBytes(atOrigin, 4 * MEGABYTE).catch(() => {});
    await expect
      .poll(async () => (await socksConnect(pair.socks, origin)).reply, { timeout: 15_000, interval: 250 })
      .toBe(NOT_ALLOWED);
    expect(
      (await pair.metrics('concentrator')).sum('tributary_limits_reached_total', { limit: 'quota' }),
    ).toBeGreaterThan(0);
    socket.destroy();
    await got;
    await pair.allow({ quota: '1TB' });
    await opened();
  });

  it('leads only to the origins of this client', async () => {
    await pair.allow({ egress: { only: [`127.0.0.1:${origin.port}`] } });
    const echo = await startEcho();
    onCleanup(() => echo.close());
    expect((await socksConnect(pair.socks, echo)).reply).toBe(NOT_ALLOWED);
    await opened();
    await pair.allow({ egress: { deny: [`127.0.0.1:${origin.port}`] } });
    expect((await socksConnect(pair.socks, origin)).reply).toBe(NOT_ALLOWED);
    expect((await socksConnect(pair.socks, echo)).reply).toBe(0);
  });

  it('has its sessions ended when its time is over, and is told by the command what it has used', async () => {
    const from = pair.client.lineCount;
    await pair.allow({ expires: '2026-01-01' });
    await pair.client.untilLine('notAuthorized', { from });
    await pair.concentrator.untilLine('the client has expired (2026-01-01)');
    await pair.concentrator.stop();
    const usage = await pair.concentratorCommand('client', 'usage', '--json');
    const [used] = JSON.parse(usage).clients;
    expect(used.client).toBe('laptop');
    expect(used.downBytes).toBeGreaterThan(3 * MEGABYTE);
    expect(used.upBytes).toBeGreaterThan(3 * MEGABYTE);
    expect(used.connections).toBeGreaterThan(8);
  });
});
