import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Origin, startEcho } from './support/origin.ts';
import { Pair, UPLINKS } from './support/pair.ts';
import { readAll, readBytes, socksConnect } from './support/socks-client.ts';

describe('a concentrator that is killed and started anew', () => {
  let pair: Pair;
  let origin: Origin;
  beforeAll(async () => {
    // Back-off as by default.
    pair = await Pair.start();
    origin = await startEcho();
  });
  afterAll(async () => {
    await origin.close();
    await pair.close();
  });

  it('is missed, found again by a client that goes on running, and serves', {
    timeout: 180_000,
  }, async () => {
    const before = await openEcho();
    expect((await pair.get('client', '/readyz')).status).toBe(200);

    await pair.concentrator.kill();
    await expect.poll(async () => (await pair.get('client', '/readyz')).status, { timeout: 3_000 }).toBe(503);
    const { text } = await pair.get('client', '/readyz');
    for (const uplink of UPLINKS) expect(text).toContain(`uplink ${uplink}: `);
    expect((await pair.get('client', '/healthz')).status).toBe(200);
    expect((await pair.metrics('client')).sum('tributary_uplink_up')).toBe(0);

    const seen = pair.client.lineCount;
    await pair.startConcentrator();
    await pair.client.untilLine('"session established"', { from: seen, limitMs: 5_000 });
    await pair.client.untilLine('"subflow up"', { from: seen, count: UPLINKS.length, limitMs: 10_000 });
    expect((await pair.get('client', '/readyz')).status).toBe(200);
    // The old session is known to be lost, and its streams with it.
    expect((await readAll(before)).error).toBe('ECONNRESET');

    const after = await openEcho();
    after.end();
    expect((await readAll(after)).error).toBeUndefined();
    expect((await pair.metrics('client')).sum('tributary_sessions')).toBe(1);
    await expect
      .poll(async () => (await pair.metrics('client')).sum('tributary_streams'), { timeout: 2_000 })
      .toBe(0);
  });

  it('in order: open streams go on, new ones wait for the next', { timeout: 180_000 }, async () => {
    const open = await openEcho();
    const seen = pair.client.lineCount;
    pair.concentrator.child.kill('SIGTERM');
    await pair.client.untilLine('going away', { from: seen });
    open.write('still there?');
    expect((await readBytes(open, 12)).toString()).toBe('still there?');

    open.end();
    expect((await readAll(open)).error).toBeUndefined();
    expect(await pair.concentrator.untilExit()).toBe(0);
    const waiting = openEcho();
    await pair.startConcentrator();
    const served = await waiting;
    served.end();
    expect((await readAll(served)).error).toBeUndefined();
  });

  it('without a word: what is asked for meanwhile is served by the next session', {
    timeout: 180_000,
  }, async () => {
    await pair.concentrator.kill();
    await expect.poll(async () => (await pair.get('client', '/readyz')).status, { timeout: 3_000 }).toBe(503);
    const waiting = openEcho();
    await setTimeout(500);
    await pair.startConcentrator();
    const served = await waiting;
    served.end();
    expect((await readAll(served)).error).toBeUndefined();
  });

  it('never: a client that is told to stop lets no request wait for it', { timeout: 180_000 }, async () => {
    await pair.concentrator.kill();
    await expect.poll(async () => (await pair.get('client', '/readyz')).status, { timeout: 3_000 }).toBe(503);
    const waiting = socksConnect(pair.socks, origin);
    await setTimeout(500);
    const askedMs = performance.now();
    pair.client.child.kill('SIGTERM');
    expect((await waiting).reply).toBe(3);
    expect(await pair.client.untilExit()).toBe(0);
    // Of the ten seconds that it would wait for connections that are open.
    expect(performance.now() - askedMs).toBeLessThan(5_000);
  });

  async function openEcho() {
    const { reply, socket } = await socksConnect(pair.socks, origin);
    expect(reply).toBe(0);
    socket.write('hello');
    expect((await readBytes(socket, 5)).toString()).toBe('hello');
    return socket;
  }
});
