import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConcentratorStatus } from '../../server-concentrator/status/concentrator-status.ts';
import { needs } from '../support/needs.ts';
import {
  associate,
  exchange,
  startUdpEcho,
  type UdpAssociation,
  type UdpEcho,
} from '../support/socks-udp.ts';
import { greet } from './support/greet.ts';
import { startOther } from './support/other-client.ts';
import { Pair, UPLINKS } from './support/pair.ts';
import type { Program } from './support/program.ts';

const OTHER = 'phone';
/** Datagrams may be lost where a machine is busy. */
const TIMES = 10;
const ROUNDS = 20;

describe('UDP through two workers', { timeout: 180_000, ...needs('libc') }, () => {
  let pair: Pair;
  let other: Program;
  let echo: UdpEcho;
  const associations: UdpAssociation[] = [];
  beforeAll(async () => {
    echo = await startUdpEcho();
    pair = await Pair.start({ concentrator: { workers: 2 }, otherClients: [OTHER] });
    const home = await workerOf(pair.clientId);
    // The first connection of a client decides where all of its sessions are.
    const { socket } = await greet(pair, OTHER, '127.0.7.1', undefined, `w${3 - home}.concentrator.internal`);
    other = await startOther(pair, OTHER, 1);
    socket.destroy();
    for (const port of [pair.socks.port, pair.socks.port + 1])
      associations.push(await associate({ ...pair.socks, port }));
  }, 60_000);
  afterAll(async () => {
    for (const association of associations) association.close();
    await other?.stop();
    await pair?.close();
    echo?.close();
  });

  const status = async (): Promise<ConcentratorStatus> =>
    JSON.parse((await pair.get('concentrator', '/status')).text);
  const sessionOf = async (id: string) =>
    (await status()).sessions.find(({ client, state }) => client === id && state === 'established')!;
  const workerOf = async (id: string) => (await sessionOf(id)).worker!;
  const ask = async (association: UdpAssociation, text: string) => {
    for (let i = 0; i < TIMES; i++) {
      const answer = await exchange(association, echo, Buffer.from(text), 1_000);
      if (answer?.payload.toString() === text) return;
    }
    throw new Error('no answer came');
  };
  const packetsOf = async (id: string) =>
    (await sessionOf(id)).uplinks.map(({ name, udp }) => ({
      name,
      state: udp?.state,
      sent: udp?.sentPackets ?? 0,
    }));
  const untilPacketsPass = (id: string) =>
    expect
      .poll(async () => (await packetsOf(id)).map(({ name, state }) => `${name} ${state}`).sort(), {
        timeout: 20_000,
      })
      .toEqual(UPLINKS.map((name) => `${name} working`));

  it('carries it as packets for a client in the one and for one in the other', async () => {
    expect(await workerOf(OTHER)).toBe(3 - (await workerOf(pair.clientId)));
    const lost = async () =>
      (await pair.metrics('concentrator')).sum('tributary_datagram_strangers_total', { reason: 'unknown' });
    for (const [i, id] of [pair.clientId, OTHER].entries()) {
      await ask(associations[i]!, `first of ${id}`);
      await untilPacketsPass(id);
    }
    const before = await lost();
    for (const [i, id] of [pair.clientId, OTHER].entries()) {
      const sum = async () => (await packetsOf(id)).reduce((all, { sent }) => all + sent, 0);
      const sent = await sum();
      for (let round = 0; round < ROUNDS; round++) await ask(associations[i]!, `${id} ${round}`);
      expect((await sum()) - sent).toBeGreaterThanOrEqual(ROUNDS);
    }
    // Each packet has come to the worker of its session.
    expect(await lost()).toBe(before);
  });

  it.each([1, 2])('goes on when worker %i was killed, for both, and by packets again', async (worker) => {
    const ids = [pair.clientId, OTHER];
    const seen = pair.concentrator.lineCount;
    process.kill((await status()).workers![worker - 1]!.pid!, 'SIGKILL');
    await pair.concentrator.untilLine('a worker has taken the place', { from: seen, limitMs: 20_000 });
    for (const [i, id] of ids.entries()) {
      await ask(associations[i]!, `${id} after ${worker}`);
      await untilPacketsPass(id);
    }
  });
});
