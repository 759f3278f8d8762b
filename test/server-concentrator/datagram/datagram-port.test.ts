import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { DatagramPort, type PacketReceiver } from '../../../server-concentrator/datagram/datagram-port.ts';
import { openDatagramPort } from '../../../server-concentrator/datagram/open-datagram-port.ts';
import type { PacketWire } from '../../../shared/runtime/datagram/session-packets.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { socketAddress } from '../../../shared/runtime/kernel/socket-address.ts';
import type { UdpSocket } from '../../../shared/runtime/udp/udp-socket.ts';
import { UdpSockets } from '../../../shared/runtime/udp/udp-sockets.ts';
import { needs } from '../../support/needs.ts';

const sockets = new UdpSockets(loadNative().native);
const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

class Receiver implements PacketReceiver {
  readonly packets: number[][] = [];
  readonly wires: PacketWire[] = [];

  receivePacket(packet: Uint8Array, wire: PacketWire): void {
    this.packets.push([...packet]);
    this.wires.push(wire);
  }
}

function newPort(own: () => readonly string[] = () => [], ids: number[] = [1, 2, 3, 4]): DatagramPort {
  const port = new DatagramPort({
    open: (options) => sockets.open(options),
    randomBytes: (count) => new Uint8Array(count).fill(ids.shift()!),
    ownAddresses: own,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  open.push(port);
  return port;
}

interface Sender {
  readonly socket: UdpSocket;
  readonly answers: { readonly text: string; readonly from: string }[];
  send(host: string, port: number, packet: Uint8Array): void;
}

async function sender(): Promise<Sender> {
  const answers: Sender['answers'] = [];
  const socket = await sockets.open({
    family: 4,
    handlers: {
      onDatagram: (payload, { host }) => answers.push({ text: Buffer.from(payload).toString(), from: host }),
    },
  });
  open.push(socket);
  return {
    socket,
    answers,
    send: (host, port, packet) => socket.send([packet], socketAddress(host, port)),
  };
}

async function until(isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isDone(); i++) await sleep(10);
  expect(isDone()).toBe(true);
}

/** A packet of a connection; what it says does not matter here. */
function packetOf(id: Uint8Array, length = 40): Uint8Array {
  const packet = new Uint8Array(length).fill(7);
  packet.set(id);
  return packet;
}

const listener = { onUnsent() {} };

test('packets go to the session of their connection id, and strangers hear nothing', async () => {
  const port = newPort();
  await port.open(['127.0.0.1'], 0);
  const [one, other] = [new Receiver(), new Receiver()];
  const [id, otherId] = [port.register(one), port.register(other)];
  const client = await sender();
  const nearly = Uint8Array.from(id);
  nearly[7]! ^= 1;
  for (const packet of [
    packetOf(id),
    packetOf(otherId, 33),
    packetOf(id, 32),
    packetOf(nearly),
    new Uint8Array(0),
    packetOf(new Uint8Array(8).fill(99)),
  ]) {
    client.send('127.0.0.1', port.port, packet);
  }
  port.unregister(otherId);
  client.send('127.0.0.1', port.port, packetOf(id));
  await until(() => one.packets.length === 2);
  expect(one.packets[0]).toEqual([...packetOf(id)]);
  await until(() => port.strangers.short + port.strangers.unknown === 5);
  expect(port.strangers).toEqual({ short: 2, unknown: 3 });
  one.wires[0]!.send([Buffer.from('answer')], listener);
  await until(() => client.answers.length === 1);
  await sleep(20);
  expect(client.answers).toEqual([{ text: 'answer', from: '127.0.0.1' }]);
  expect(one.wires[0]!.isSame(one.wires[1]!)).toBe(true);
});

test('no two connections have ids that look alike', () => {
  const port = newPort(undefined, [5, 5, 5, 6]);
  const ids = [port.register(new Receiver()), port.register(new Receiver())];
  expect(ids.map(([first]) => first)).toEqual([5, 6]);
});

describe('where it listens at all addresses', needs('libc'), () => {
  test('an answer comes from the address that was asked, also from one that is new', async () => {
    let own = ['127.0.0.1', '127.0.0.2', '10.255.255.254'];
    const port = newPort(() => own);
    await port.open(['0.0.0.0'], 0);
    expect(port.addresses.map(({ host }) => host)).toEqual(['0.0.0.0', '127.0.0.1', '127.0.0.2']);
    expect(new Set(port.addresses.map((address) => address.port))).toEqual(new Set([port.port]));
    const receiver = new Receiver();
    const id = port.register(receiver);
    const client = await sender();
    const ask = async (host: string) => {
      const before = receiver.packets.length;
      client.send(host, port.port, packetOf(id));
      await until(() => receiver.packets.length > before);
      receiver.wires.at(-1)!.send([Buffer.from(host)], listener);
      await until(() => client.answers.some(({ text }) => text === host));
      return client.answers.find(({ text }) => text === host)!.from;
    };
    expect(await ask('127.0.0.2')).toBe('127.0.0.2');
    own = ['127.0.0.1', '127.0.0.3'];
    await port.review();
    expect(port.addresses.map(({ host }) => host)).toEqual(['0.0.0.0', '127.0.0.1', '127.0.0.3']);
    expect(await ask('127.0.0.3')).toBe('127.0.0.3');
    const [first, last] = [receiver.wires[0]!, receiver.wires.at(-1)!];
    expect(first.isSame(last)).toBe(false);
  });
});

describe('a port that another program has', () => {
  async function taken(): Promise<number> {
    const other = await sockets.open({ family: 4, host: '127.0.0.1', handlers: { onDatagram() {} } });
    open.push(other);
    return other.local.port;
  }
  const datagrams = {
    enabled: true,
    flowsPerClient: 1,
    associationsPerClient: 1,
    associations: 1,
    idleTimeoutMs: 1,
  };
  const said: object[] = [];
  const logger = { info() {}, warn: (fields: object) => void said.push(fields) };

  test('is said, and datagrams travel on subflows, unless the configuration names it', async () => {
    const number = await taken();
    const port = newPort();
    const listen = [{ host: '127.0.0.1', port: number }];
    await openDatagramPort(port, listen, { datagrams }, logger);
    expect(port.port).toBe(0);
    expect(said).toEqual([{ reason: expect.stringContaining(`UDP port ${number}`) }]);
    const named = { datagrams: { ...datagrams, port: number } };
    await expect(openDatagramPort(port, listen, named, logger)).rejects.toThrow(
      /datagrams\.port.*EADDRINUSE/,
    );
    await openDatagramPort(port, [{ host: '127.0.0.1', port: 0 }], { datagrams }, logger);
    expect(port.port).toBeGreaterThan(0);
  });

  test('does not matter where there are no datagrams', async () => {
    const port = newPort();
    const off = { datagrams: { ...datagrams, enabled: false } };
    await openDatagramPort(port, [{ host: '127.0.0.1', port: 0 }], off, logger);
    expect([port.port, port.addresses]).toEqual([0, []]);
  });
});
