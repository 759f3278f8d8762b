import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConcentratorStatus } from '../../server-concentrator/status/concentrator-status.ts';
import { expectEcho } from './support/echo-pair.ts';
import { type Origin, startEcho } from './support/origin.ts';
import { Pair } from './support/pair.ts';
import { socksConnect } from './support/socks-client.ts';

describe('a worker that hangs', { timeout: 180_000 }, () => {
  let pair: Pair;
  let origin: Origin;
  let stopped: number | undefined;
  beforeAll(async () => {
    pair = await Pair.start({
      concentrator: { workers: 2 },
      client: { dial: { timeout: '2s', backoffMin: '100ms', backoffMax: '500ms' } },
    });
    origin = await startEcho();
  }, 60_000);
  afterAll(async () => {
    if (stopped !== undefined) process.kill(stopped, 'SIGCONT');
    await origin?.close();
    await pair?.close();
  });

  const status = async (): Promise<ConcentratorStatus> =>
    JSON.parse((await pair.get('concentrator', '/status')).text);
  const states = async () => (await status()).workers!.map(({ state }) => state).sort();

  it('keeps its client out for some seconds only, and is used again when it goes on', async () => {
    const { sessions, workers } = await status();
    stopped = workers!.find(({ worker }) => worker === sessions[0]!.worker)!.pid!;
    process.kill(stopped, 'SIGSTOP');
    const startMs = performance.now();
    // It is not waited for at each look.
    await expect.poll(states, { timeout: 20_000 }).toEqual(['silent', 'up']);
    await expect
      .poll(async () => (await status()).sessions.map(({ worker }) => worker), { timeout: 30_000 })
      .toEqual([3 - sessions[0]!.worker!]);
    const { socket } = await socksConnect(pair.socks, origin);
    await expectEcho(socket, 10_000);
    socket.destroy();
    console.info(`measured: served by the other worker after ${Math.round(performance.now() - startMs)} ms`);
    process.kill(stopped, 'SIGCONT');
    stopped = undefined;
    await expect.poll(states, { timeout: 10_000 }).toEqual(['up', 'up']);
  });
});
