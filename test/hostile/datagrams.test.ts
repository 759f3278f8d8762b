import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  encodeAnnouncement,
  encodeDatagramHead,
  encodePath,
} from '../../shared/protocol/codec/datagram-message.ts';
import { Pair } from '../end-to-end/support/pair.ts';
import {
  associate,
  exchange,
  startUdpEcho,
  type UdpAssociation,
  type UdpEcho,
} from '../support/socks-udp.ts';
import { announcedDatagram, DatagramAttacker, feedbackFor } from './support/datagram-attacker.ts';

const CLIENT = 'mallory';
/** What the attacks may cost the concentrator in all. */
const MAX_GROWTH_BYTES = 200e6;
/** Of a session that comes and goes, and of a few kinds, each limited to one in ten seconds after a burst. */
const MAX_LINES = 30;
/** Datagrams of a client beside each attack, and how many may be lost. */
const ECHOES = 15;
const MAX_LOST = 1;
const LIMITS = { flowsPerClient: 64, associationsPerClient: 8 };
/** Longer than anything that UDP carries. */
const LONGEST_UDP = 65_507;

interface Ground {
  readonly attacker: DatagramAttacker;
  /** From its path's address. */
  readonly socket: Socket;
  readonly echo: UdpEcho;
}

interface Attack {
  readonly what: string;
  /** Datagrams that may reach the origin because of it. */
  readonly reaches?: number;
  /** Whether the concentrator may answer it, with no more bytes than came. */
  readonly isAnswered?: boolean;
  run(ground: Ground): Promise<void> | void;
}

const flow = ({ host, port }: UdpEcho, associationId = 0) => ({ associationId, mode: 0, host, port });
const PAYLOAD = Buffer.alloc(100, 7);

/** Without the keys, or with packets that were on their way before. */
const STRANGERS: readonly Attack[] = [
  {
    what: 'noise of every length',
    run: ({ attacker, socket }) => each(1_500, (i) => attacker.send(socket, randomBytes(i))),
  },
  {
    what: 'the longest packets that UDP carries',
    run: ({ attacker, socket }) => each(50, () => attacker.send(socket, randomBytes(LONGEST_UDP))),
  },
  {
    what: 'forged packets with the connection id of a session',
    run({ attacker, socket }) {
      const packet = attacker.seal(PAYLOAD);
      return each(2_000, () =>
        attacker.send(socket, Buffer.concat([packet.subarray(0, 16), randomBytes(100)])),
      );
    },
  },
  {
    what: 'a packet with a fault in any byte',
    run({ attacker, socket, echo }) {
      const packet = attacker.seal(announcedDatagram(0, 0, flow(echo), PAYLOAD));
      return each(packet.length, (i) => {
        const faulty = Buffer.from(packet);
        faulty[i]! ^= 1;
        attacker.send(socket, faulty);
      });
    },
  },
  {
    what: 'a packet cut short at any byte',
    run({ attacker, socket, echo }) {
      const packet = attacker.seal(announcedDatagram(0, 0, flow(echo), PAYLOAD));
      return each(packet.length, (i) => attacker.send(socket, packet.subarray(0, i)));
    },
  },
];

/** With a valid key. */
const CLIENTS: readonly Attack[] = [
  {
    what: 'a packet, 2000 times, and from another address',
    ...{ reaches: 1, isAnswered: true },
    async run({ attacker, socket, echo }) {
      const packet = attacker.seal(announcedDatagram(0, 0, flow(echo), PAYLOAD));
      await each(1_000, () => attacker.send(socket, packet));
      const elsewhere = await attacker.socket('127.0.0.9');
      await each(1_000, () => attacker.send(elsewhere, packet));
      expect(attacker.answers.get('127.0.0.9')).toMatchObject({ packets: 0 });
    },
  },
  {
    what: 'messages of every kind, of any length and content',
    isAnswered: true,
    run: ({ attacker, socket }) =>
      each(3_000, (i) => {
        const message = randomBytes(1 + (i % 300));
        // Not of a flow to somewhere: those are other attacks.
        message[0] = (message[0]! & 0xe0) | (i % 16);
        attacker.send(socket, attacker.seal(message));
      }),
  },
  {
    what: 'flows without end',
    ...{ reaches: LIMITS.flowsPerClient, isAnswered: true },
    run: ({ attacker, socket, echo }) =>
      each(5_000, (i) => attacker.send(socket, attacker.seal(announcedDatagram(i, 0, flow(echo), PAYLOAD)))),
  },
  {
    what: 'associations without end',
    ...{ reaches: LIMITS.associationsPerClient, isAnswered: true },
    run: ({ attacker, socket, echo }) =>
      each(3_000, (i) =>
        attacker.send(socket, attacker.seal(announcedDatagram(i, 0, flow(echo, i), PAYLOAD))),
      ),
  },
  {
    what: 'datagrams that are never whole',
    isAnswered: true,
    run: ({ attacker, socket, echo }) =>
      each(5_000, (i) => {
        const head = encodeDatagramHead(0, i, false, encodeAnnouncement(flow(echo)), {
          index: i % 63,
          count: 64,
        });
        attacker.send(socket, attacker.seal(Buffer.concat([head, Buffer.alloc(1_000)])));
      }),
  },
  {
    what: 'paths without end',
    isAnswered: true,
    run: ({ attacker, socket }) =>
      each(5_000, (i) =>
        attacker.send(socket, attacker.seal(encodePath({ uplinkName: 'test' }, 200), { path: i % 256 })),
      ),
  },
  {
    what: 'counters that jump',
    isAnswered: true,
    run: ({ attacker, socket }) =>
      each(2_000, (i) => {
        attacker.send(
          socket,
          attacker.seal(encodePath({ uplinkName: 'test' }, 200), { path: 7, counter: (i + 1) * 2 ** 33 }),
        );
      }),
  },
  {
    what: 'feedback about packets that were never sent',
    isAnswered: true,
    run: ({ attacker, socket }) =>
      each(2_000, (i) => attacker.send(socket, attacker.seal(feedbackFor(i % 256, 1 + i * 1_000)))),
  },
];

describe('datagrams of somebody hostile', () => {
  let pair: Pair;
  let victim: UdpAssociation;
  let victimEcho: UdpEcho;
  let attacker: DatagramAttacker | undefined;
  let residentBefore = 0;
  beforeAll(async () => {
    pair = await Pair.start({ otherClients: [CLIENT], concentrator: { datagrams: LIMITS } });
    victim = await associate(pair.socks);
    victimEcho = await startUdpEcho();
    expect(await exchange(victim, victimEcho, Buffer.from('hello'))).toBeDefined();
    residentBefore = residentBytes(pair.concentrator.pid);
  });
  afterEach(() => attacker?.close());
  afterAll(async () => {
    victim.close();
    victimEcho.close();
    await pair.close();
  });

  it.each([...STRANGERS, ...CLIENTS])(
    '$what',
    { timeout: 20_000 },
    async ({ reaches = 0, isAnswered, run, what }) => {
      const linesBefore = pair.concentrator.lineCount;
      attacker = await DatagramAttacker.connect(pair, CLIENT);
      const echo = await startUdpEcho();
      const socket = await attacker.socket();
      const spent = watchSent(socket);
      if (isAnswered) attacker.beginPath(socket);
      const [lost] = await Promise.all([lostEchoes(), run({ attacker, socket, echo })]);
      await sleep(200);
      echo.close();
      const heard = attacker.answers.get('127.0.0.1')!;
      const growth = residentBytes(pair.concentrator.pid) - residentBefore;
      const lines = pair.concentrator.lineCount - linesBefore;
      console.log(
        `${what}: ${spent.packets} packets, ${echo.received} reached the origin, ${heard.packets} answers of ${heard.bytes} bytes to ${spent.bytes}, ` +
          `${lost} of the other client's ${ECHOES} lost, ${Math.round(growth / 1e6)} MB more, ${lines} lines`,
      );
      expect(echo.received).toBeLessThanOrEqual(reaches);
      // As many as are allowed are served.
      expect(echo.received).toBeGreaterThanOrEqual(reaches / 2);
      expect(heard.bytes).toBeLessThanOrEqual(isAnswered ? spent.bytes : 0);
      expect(lost).toBeLessThanOrEqual(MAX_LOST);
      expect(growth).toBeLessThanOrEqual(MAX_GROWTH_BYTES);
      expect(lines).toBeLessThanOrEqual(MAX_LINES);
      expect(attacker.client.socket.destroyed).toBe(false);
    },
  );

  it('a source address that is not validated gets no more than came from it', async () => {
    attacker = await DatagramAttacker.connect(pair, CLIENT);
    // Each datagram is answered with ten times as much.
    const loud = await startUdpEcho('127.0.0.1', 1_000);
    const socket = await attacker.socket();
    attacker.beginPath(socket);
    await sleep(100);
    const spoofed = await attacker.socket('127.0.0.10');
    const spent = watchSent(spoofed);
    await each(20, (i) =>
      attacker!.send(spoofed, attacker!.seal(announcedDatagram(0, i, flow(loud), PAYLOAD))),
    );
    await sleep(500);
    loud.close();
    const heard = attacker.answers.get('127.0.0.10')!;
    console.log(
      `spoofed source: ${heard.bytes} bytes to it for ${spent.bytes} from it, ${loud.received} reached the origin`,
    );
    expect(loud.received).toBeGreaterThan(0);
    expect(heard.bytes).toBeLessThanOrEqual(spent.bytes);
  });

  it.each([
    { where: 'on another path', host: '127.0.0.11', isThere: false },
    { where: 'from there, by somebody who hears nothing there', host: '127.0.0.12', isThere: true },
  ])(
    'what is said $where lets no more be sent to an address than came from it',
    async ({ host, isThere }) => {
      attacker = await DatagramAttacker.connect(pair, CLIENT);
      const loud = await startUdpEcho('127.0.0.1', 1_000);
      const socket = await attacker.socket();
      attacker.beginPath(socket);
      const claimed = await attacker.socket(host);
      const spent = watchSent(claimed);
      const say = (from: Socket, message: Uint8Array) =>
        attacker!.send(from, attacker!.seal(message, { path: from === socket ? 0 : 1 }));
      say(claimed, encodePath({ uplinkName: 'test' }, 200));
      await sleep(200);
      await each(20, (i) => {
        say(isThere ? claimed : socket, feedbackFor(1, 1 + (i % 4)));
        say(claimed, announcedDatagram(0, i, flow(loud), PAYLOAD));
      });
      await sleep(500);
      loud.close();
      const heard = attacker.answers.get(host)!;
      console.log(
        `claimed address: ${heard.bytes} bytes to it for ${spent.bytes} from it, ${loud.received} reached the origin`,
      );
      expect(loud.received).toBeGreaterThan(0);
      expect(heard.bytes).toBeLessThanOrEqual(spent.bytes);
    },
  );

  it("a concentrator's packets, turned back to it, are nothing", async () => {
    attacker = await DatagramAttacker.connect(pair, CLIENT);
    const socket = await attacker.socket();
    attacker.beginPath(socket);
    await sleep(200);
    const heard = attacker.answers.get('127.0.0.1')!;
    expect(heard.packets).toBeGreaterThan(0);
    const raw = [...heard.raw];
    const before = heard.packets;
    await each(500, (i) => attacker!.send(socket, raw[i % raw.length]!));
    await sleep(200);
    // It may still ask for what its PATH was for.
    expect(heard.packets - before).toBeLessThan(10);
  });

  async function lostEchoes(): Promise<number> {
    let lost = 0;
    for (let i = 0; i < ECHOES; i++)
      if ((await exchange(victim, victimEcho, Buffer.from(`echo ${i}`), 1_000)) === undefined) lost++;
    return lost;
  }
});

/** So many times, in bursts that the sockets' buffers hold. */
async function each(count: number, send: (i: number) => void): Promise<void> {
  for (let i = 0; i < count; i++) {
    send(i);
    if (i % 50 === 49) await sleep(2);
  }
}

function watchSent(socket: Socket): { packets: number; bytes: number } {
  const spent = { packets: 0, bytes: 0 };
  const send = socket.send.bind(socket) as (...args: unknown[]) => void;
  socket.send = ((packet: Uint8Array, ...rest: unknown[]) => {
    spent.packets++;
    spent.bytes += packet.length;
    send(packet, ...rest);
  }) as typeof socket.send;
  return spent;
}

function residentBytes(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kib) * 1024;
}
