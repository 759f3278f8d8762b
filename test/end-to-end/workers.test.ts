import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConcentratorStatus } from '../../server-concentrator/status/concentrator-status.ts';
import { usageOf } from '../bench/usage.ts';
import { expectEcho } from './support/echo-pair.ts';
import { greet } from './support/greet.ts';
import { type Origin, startEcho, startOrigin } from './support/origin.ts';
import { startOther } from './support/other-client.ts';
import { Pair, UPLINKS } from './support/pair.ts';
import type { Program } from './support/program.ts';
import { socksConnect } from './support/socks-client.ts';
import { RogueClient } from './support/subflow-client.ts';

const OTHERS = Array.from({ length: 24 }, (_, i) => `client${i}`);

describe('a concentrator of two workers', { timeout: 180_000 }, () => {
  let pair: Pair;
  let origin: Origin;
  beforeAll(async () => {
    pair = await Pair.start({ concentrator: { workers: 2 }, otherClients: OTHERS });
    origin = await startEcho();
  }, 60_000);
  afterAll(async () => {
    await origin.close();
    await pair.close();
  });

  const status = async (): Promise<ConcentratorStatus> =>
    JSON.parse((await pair.get('concentrator', '/status')).text);
  const echo = async () => {
    const { socket } = await socksConnect(pair.socks, origin);
    await expectEcho(socket, 300_000);
    socket.destroy();
  };

  it('has both uplinks of a client in one, and carries its streams', async () => {
    await echo();
    const { sessions, workers } = await status();
    expect(sessions).toHaveLength(1);
    expect(sessions[0]!.uplinks.map(({ name }) => name)).toEqual([...UPLINKS]);
    expect(workers?.map(({ state, sessions: count }) => `${state} ${count}`).sort()).toEqual([
      'up 0',
      'up 1',
    ]);
    const metrics = await pair.metrics('concentrator');
    expect(metrics.sum('tributary_sessions')).toBe(1);
    expect(metrics.sum('tributary_build_info')).toBe(1);
    expect(metrics.sum('tributary_worker_up')).toBe(2);
  });

  it('shares many clients out, and adds up their metrics', async () => {
    const clients = [];
    for (const id of OTHERS.slice(0, 16)) clients.push(await RogueClient.connect(pair, pair.identityOf(id)));
    const metrics = await pair.metrics('concentrator');
    expect(metrics.sum('tributary_sessions')).toBe(17);
    for (const worker of ['1', '2']) {
      expect(metrics.sum('tributary_worker_sessions', { worker })).toBeGreaterThan(0);
    }
    expect((await status()).sessions).toHaveLength(17);
    for (const { socket } of clients) socket.destroy();
  });

  it('takes JOINs to the worker that has the session, with its name and without', async () => {
    const client = await greet(pair, OTHERS[0]!, '127.0.0.10');
    expect(client.welcome.joinName).toMatch(/^w[12]\.concentrator\.internal$/);
    const join = (subflowId: number, servername?: string) =>
      greet(pair, OTHERS[0]!, `127.0.1.${subflowId}`, { token: client.welcome.token, subflowId }, servername);
    const relayed = async () =>
      (await pair.metrics('concentrator')).sum('tributary_handshakes_total', { result: 'relayed' });
    const before = await relayed();
    const named = [];
    for (let id = 1; id <= 6; id++) named.push(await join(id, client.welcome.joinName));
    expect(await relayed()).toBe(before);
    // Another's name, as a balancer might mistake it; and none, as clients from before send: that may lead to any worker.
    const other = `w${client.welcome.joinName?.startsWith('w1') ? 2 : 1}.concentrator.internal`;
    const unnamed = [];
    for (let id = 7; id <= 12; id++) unnamed.push(await join(id, other));
    expect(await relayed()).toBe(before + 6);
    for (let id = 13; id <= 18; id++) unnamed.push(await join(id));
    const session = (await status()).sessions.find(
      ({ client: id, session: name }) =>
        id === OTHERS[0] && name === Buffer.from(client.welcome.token).toString('hex').slice(0, 8),
    );
    expect(session?.uplinks[0]?.subflows).toHaveLength(19);
    // The session speaks on each of them.
    for (const { socket, heard } of [...named, ...unnamed]) {
      await expect.poll(heard, { timeout: 5_000 }).toBeGreaterThan(0);
      socket.destroy();
    }
    client.socket.destroy();
  });

  it('keeps all sessions of one client in one worker', async () => {
    const identity = OTHERS[1]!;
    const sessions = [];
    for (let i = 0; i < 4; i++) sessions.push(await greet(pair, identity, `127.0.2.${i + 1}`));
    const workers = (await status()).sessions.filter(({ client }) => client === identity);
    expect(workers.length).toBeGreaterThanOrEqual(4);
    expect(new Set(workers.map(({ worker }) => worker)).size).toBe(1);
    for (const { socket } of sessions) socket.destroy();
  });

  it('is not held up by what is no handshake, and takes a ClientHello in pieces', async () => {
    const garbage: Record<string, (port: import('node:net').Socket) => void> = {
      silent: () => {},
      empty: (socket) => socket.end(),
      text: (socket) => socket.write('GET / HTTP/1.1\r\n\r\n'),
      'half a record': (socket) => socket.write(Buffer.from('160301', 'hex')),
      'a record that never ends': (socket) =>
        socket.write(Buffer.concat([Buffer.from('1603014000', 'hex'), Buffer.alloc(4_000, 1)])),
      'a hello of 16 MB': (socket) => {
        const record = Buffer.concat([Buffer.from('1603014000', 'hex'), Buffer.alloc(16_384)]);
        record.writeUInt32BE(0x01ffffff, 5);
        for (let i = 0; i < 64; i++) socket.write(record);
      },
      'records of another kind': (socket) => socket.write(Buffer.from('1703030001ff', 'hex')),
      'a hello cut off': (socket) => socket.end(Buffer.from('160301002801000024', 'hex')),
    };
    const sockets = Object.values(garbage).flatMap((say) =>
      Array.from({ length: 10 }, (_, i) => {
        const socket = connect({ ...pair.subflows, localAddress: `127.0.3.${i + 1}` });
        socket.on('error', () => {});
        socket.once('connect', () => say(socket));
        return socket;
      }),
    );
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    const begin = performance.now();
    for (let i = 0; i < 5; i++) {
      const { socket } = await greet(pair, OTHERS[2]!, `127.0.4.${i + 1}`);
      socket.destroy();
    }
    console.info(
      `measured: ${((performance.now() - begin) / 5).toFixed(0)} ms for a handshake among ${sockets.length} others`,
    );
    const slow = connect({ ...pair.subflows, localAddress: '127.0.4.9', noDelay: true });
    const pieces = slow.write.bind(slow);
    let delay = Promise.resolve();
    // Every byte of what TLS says is a segment of its own.
    slow.write = ((bytes: Uint8Array, ...rest: unknown[]) => {
      for (const byte of Buffer.from(bytes)) {
        delay = delay.then(() => new Promise((resolve) => void pieces(Buffer.of(byte), () => resolve())));
      }
      const done = rest.find((one) => typeof one === 'function') as (() => void) | undefined;
      void delay.then(() => done?.());
      return true;
    }) as typeof slow.write;
    const { socket } = await greet(
      pair,
      OTHERS[2]!,
      '127.0.4.9',
      undefined,
      'w2.concentrator.internal',
      slow,
    );
    socket.destroy();
    for (const each of sockets) each.destroy();
    await echo();
  });

  it('replaces a worker that dies: its sessions end alone', async () => {
    const held = await Promise.all(
      OTHERS.slice(16).map((id, i) =>
        greet(pair, id, `127.0.5.${i + 1}`, undefined, `w${1 + (i % 2)}.concentrator.internal`),
      ),
    );
    const before = await status();
    const own = before.sessions.find(({ client }) => client === pair.clientId)!;
    const dying = before.workers!.find(({ worker }) => worker === own.worker)!;
    const alive = (client: string) =>
      before.sessions.find((one) => one.client === client)!.worker !== own.worker;
    const seen = pair.client.lineCount;
    const seenThere = pair.concentrator.lineCount;
    process.kill(dying.pid!, 'SIGKILL');
    await pair.client.untilLine('"session established"', { from: seen, limitMs: 25_000 });
    await echo();
    await pair.concentrator.untilLine('a worker has taken the place', { from: seenThere, limitMs: 20_000 });
    expect(pair.concentrator.output).toMatch(/a worker has ended, and its sessions with it/);
    for (const [i, { socket }] of held.entries()) expect(socket.destroyed).toBe(!alive(OTHERS[16 + i]!));
    expect(held.filter(({ socket }) => !socket.destroyed).length).toBeGreaterThan(0);
    expect(held.filter(({ socket }) => socket.destroyed).length).toBeGreaterThan(0);
    expect((await pair.metrics('concentrator')).sum('tributary_worker_restarts_total')).toBe(1);
    await expect.poll(async () => (await status()).workers?.map(({ state }) => state)).toEqual(['up', 'up']);
    for (const { socket } of held) socket.destroy();
  });

  it('reloads all workers', async () => {
    await pair.grant({});
    await pair.concentrator.untilLine('"reloaded"', { count: 3 });
    await echo();
  });

  it('ends in order, with a code of 0: open connections go on', async () => {
    const { socket } = await socksConnect(pair.socks, origin);
    await expectEcho(socket, 1_000);
    const seen = pair.client.lineCount;
    process.kill(pair.concentrator.pid, 'SIGTERM');
    await pair.client.untilLine('going away', { from: seen });
    await expectEcho(socket, 1_000);
    socket.end();
    expect(await pair.concentrator.untilExit()).toBe(0);
  });
});

describe('workers when others are killed', { timeout: 180_000 }, () => {
  let pair: Pair;
  let origin: Origin;
  let clients: readonly Program[] = [];
  beforeAll(async () => {
    pair = await Pair.start({ concentrator: { workers: 2 }, otherClients: OTHERS.slice(0, 3) });
    origin = await startOrigin(flood);
    // The first connection of a client decides where all of its sessions are.
    const guests = await Promise.all(
      OTHERS.slice(0, 3).map((id, i) =>
        greet(pair, id, `127.0.9.${i + 1}`, undefined, `w${1 + (i % 2)}.concentrator.internal`),
      ),
    );
    const others = OTHERS.slice(0, 3).map((id, i) => startOther(pair, id, i + 1));
    clients = [pair.client, ...(await Promise.all(others))];
    for (const { socket } of guests) socket.destroy();
  }, 60_000);
  afterAll(async () => {
    for (const client of clients) client.child.kill('SIGKILL');
    await origin.close();
    await pair.close();
  });

  const workers = async () =>
    (JSON.parse((await pair.get('concentrator', '/status')).text) as ConcentratorStatus).workers!;
  const pids = async () => (await workers()).map(({ pid }) => pid!);
  const cpuSeconds = async (of: readonly number[]) => (await usageOf(of)).cpuSeconds;

  it('rest when all clients are killed in the middle of downloads', async () => {
    const downloads: (() => number)[] = [];
    for (const index of clients.keys()) {
      for (let i = 0; i < 4; i++) {
        const { socket } = await socksConnect({ ...pair.socks, port: pair.socks.port + index }, origin);
        let bytes = 0;
        socket.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        // Some read slowly, so that bytes wait everywhere on their way.
        if (i > 1)
          setInterval(() => void (socket.isPaused() ? socket.resume() : socket.pause()), 20 * i).unref();
        downloads.push(() => bytes);
      }
    }
    await expect
      .poll(() => Math.min(...downloads.map((bytes) => bytes())), { timeout: 30_000 })
      .toBeGreaterThan(100_000);
    expect((await workers()).map(({ sessions }) => sessions > 0)).toEqual([true, true]);
    await Promise.all(clients.map((client) => client.kill()));
    const all = await pids();
    const cpuOfTwoSeconds = async () => {
      const before = await cpuSeconds(all);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      return (await cpuSeconds(all)) - before;
    };
    await expect.poll(cpuOfTwoSeconds, { timeout: 15_000 }).toBeLessThan(0.2);
    console.info(`measured: ${(await cpuOfTwoSeconds()).toFixed(2)} s of processor time in 2 s`);
  });

  it('end with the first process, however that ends, with downloads under way', async () => {
    pair.startClient();
    await pair.client.untilLine('"subflow up"', { count: UPLINKS.length, limitMs: 30_000 });
    const { socket } = await socksConnect(pair.socks, origin);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await expect.poll(() => bytes, { timeout: 10_000 }).toBeGreaterThan(1_000_000);
    const all = await pids();
    await pair.concentrator.kill();
    const alive = () => all.filter((pid) => existsSync(`/proc/${pid}`));
    await expect.poll(alive, { timeout: 10_000 }).toEqual([]);
  });
});

/** Sends for as long as the other end takes it. */
function flood(socket: Socket): void {
  const piece = Buffer.alloc(256 * 1024, 'flood');
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', more);
  more();
}
