import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  DatagramPaths,
  type PathSession,
  PORT_CHANGE_MS,
} from '../../../client-proxy/datagram/datagram-paths.ts';
import { WireCounter } from '../../../client-proxy/metering/wire-counter.ts';
import type { DialledUplink } from '../../../client-proxy/path-manager/uplink-role.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { PacketTable } from '../../../shared/runtime/datagram/packet-table.ts';
import type { PacketWire } from '../../../shared/runtime/datagram/session-packets.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import type { SocketAddress } from '../../../shared/runtime/kernel/socket-address.ts';
import type { UdpSocket } from '../../../shared/runtime/udp/udp-socket.ts';
import { UdpSockets } from '../../../shared/runtime/udp/udp-sockets.ts';

const { native } = loadNative();
const sockets = new UdpSockets(native);

async function until(isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isDone(); i++) await sleep(10);
  expect(isDone()).toBe(true);
}

/** A session's subflows and paths, and the concentrator's UDP port, which hears all packets. */
class Bed {
  readonly heard: { readonly text: string; readonly from: SocketAddress }[] = [];
  readonly received: string[] = [];
  readonly wires = new Map<number, PacketWire>();
  readonly names = new Map<number, string>();
  readonly said: object[] = [];
  readonly counters = new Map<string, WireCounter>();
  subflows: {
    readonly id: number;
    readonly uplinkName: string;
    readonly local: string;
    readonly state?: string;
  }[] = [];
  nowMs = 0;
  hasDescriptor = true;
  /** Sockets that were asked for. */
  opened = 0;
  port!: UdpSocket;
  paths!: DatagramPaths;
  #nextPath = 0;

  async open(): Promise<void> {
    this.port = await sockets.open({
      family: 4,
      host: '127.0.0.1',
      handlers: {
        onDatagram: (bytes, from) => this.heard.push({ text: Buffer.from(bytes).toString(), from }),
      },
    });
    const session: PathSession = {
      driver: {
        snapshot: () =>
          ({ subflows: this.subflows.map((one) => ({ duty: 'regular', state: 'active', ...one })) }) as never,
        linkOf: (id) => this.#linkOf(id) as never,
        receivePacket: (bytes) => void this.received.push(Buffer.from(bytes).toString()),
      },
      packets: {
        setWire: (path, wire) =>
          void (wire === undefined ? this.wires.delete(path) : this.wires.set(path, wire)),
      },
      addPath: (name) => {
        this.names.set(this.#nextPath, name);
        return this.#nextPath++;
      },
      removePath: (path) => void this.names.delete(path),
    };
    this.paths = new DatagramPaths(
      {
        sockets: {
          open: (options) => {
            this.opened++;
            return sockets.open(options);
          },
        } as UdpSockets,
        native,
        attachment: (binding) => (binding.kind === 'address' ? { address: binding.address } : {}),
        packetTable: new PacketTable(4),
        wireOf: (name) => this.wireOf(name),
        hasDescriptor: () => this.hasDescriptor,
        clock: () => this.nowMs,
        random: () => 0.5,
        logger: { debug() {}, info() {}, warn: (fields) => void this.said.push(fields), error() {} },
      },
      session,
    );
    this.paths.setPort(this.port.local.port);
  }

  wireOf(name: string): WireCounter {
    const counter = this.counters.get(name) ?? new WireCounter(undefined);
    this.counters.set(name, counter);
    return counter;
  }

  close(): void {
    this.paths.close();
    this.port.close();
  }

  #linkOf(id: number): { local: Destination; remote: Destination } | undefined {
    const one = this.subflows.find((subflow) => subflow.id === id);
    return one && { local: { host: one.local, port: 1 }, remote: { host: '127.0.0.1', port: 2 } };
  }
}

function uplinkOf(name: string, address: string): DialledUplink {
  return { name, binding: { kind: 'address', address }, backup: false };
}

const dsl = uplinkOf('dsl', '127.0.0.2');
const lte = uplinkOf('lte', '127.0.0.3');
const listener = { onUnsent() {} };
let bed: Bed;
beforeEach(async () => {
  bed = new Bed();
  await bed.open();
});
afterEach(() => bed.close());

test('each uplink with a subflow gets a path from the address of the subflow, and packets come and go there', async () => {
  bed.subflows = [
    { id: 1, uplinkName: 'dsl', local: '127.0.0.2' },
    { id: 2, uplinkName: 'lte', local: '127.0.0.3' },
  ];
  bed.paths.review([dsl, lte, uplinkOf('none', '127.0.0.4')]);
  bed.paths.review([dsl, lte]);
  await until(() => bed.wires.size === 2);
  expect([...bed.names.values()].sort()).toEqual(['dsl', 'lte']);
  for (const [path, wire] of bed.wires) wire.send([Buffer.from(bed.names.get(path)!)], listener);
  await until(() => bed.heard.length === 2);
  const sources = Object.fromEntries(bed.heard.map(({ text, from }) => [text, from.host]));
  expect(sources).toEqual({ dsl: '127.0.0.2', lte: '127.0.0.3' });
  for (const { text, from } of bed.heard) bed.port.send([Buffer.from(`to ${text}`)], from);
  const stranger = await sockets.open({ family: 4, host: '127.0.0.1', handlers: { onDatagram() {} } });
  stranger.send([Buffer.from('stranger')], bed.heard[0]!.from);
  await until(() => bed.received.length === 2);
  await sleep(20);
  stranger.close();
  expect(bed.received.sort()).toEqual(['to dsl', 'to lte']);
});

test('bytes count as those of IP packets, and not those that the kernel does not take', async () => {
  bed.subflows = [{ id: 1, uplinkName: 'dsl', local: '127.0.0.2' }];
  bed.paths.review([dsl]);
  await until(() => bed.wires.size === 1);
  const wire = bed.wires.get(0)!;
  wire.send([new Uint8Array(60), new Uint8Array(40)], listener);
  await until(() => bed.heard.length === 1);
  bed.port.send([new Uint8Array(10)], bed.heard[0]!.from);
  await until(() => bed.received.length === 1);
  const refused: [string, number][] = [];
  wire.send([new Uint8Array(65_530)], { onUnsent: (code, bytes) => void refused.push([code, bytes]) });
  await until(() => refused.length === 1);
  expect(refused).toEqual([['EMSGSIZE', 65_530]]);
  expect(bed.wireOf('dsl').read()).toEqual({ sentBytes: 128, receivedBytes: 38 });
});

describe('a path goes', () => {
  beforeEach(async () => {
    bed.subflows = [{ id: 1, uplinkName: 'dsl', local: '127.0.0.2' }];
    bed.paths.review([dsl]);
    await until(() => bed.wires.size === 1);
  });

  test.each<[string, () => void, () => void]>([
    ['with the last subflow of its uplink', () => (bed.subflows = []), () => bed.paths.review([dsl])],
    ['with its uplink, or when that may carry nothing more', () => {}, () => bed.paths.review([])],
    ['when there is no UDP port any more', () => {}, () => bed.paths.setPort(0)],
    ['with its session', () => {}, () => bed.paths.close()],
  ])('%s', (_, change, tell) => {
    change();
    tell();
    expect([bed.wires.size, bed.names.size]).toEqual([0, 0]);
  });

  test('and another one comes where the uplink has another address now, or is bound otherwise', async () => {
    bed.subflows = [{ id: 2, uplinkName: 'dsl', local: '127.0.0.5' }];
    bed.paths.review([dsl]);
    await until(() => bed.wires.size === 1);
    expect([...bed.names.keys()]).toEqual([1]);
    bed.paths.review([uplinkOf('dsl', '127.0.0.6')]);
    await until(() => bed.wires.size === 1);
    expect([...bed.names.keys()]).toEqual([2]);
  });

  test('but not while another subflow comes from the same address', () => {
    bed.subflows = [
      { id: 3, uplinkName: 'dsl', local: '127.0.0.9' },
      { id: 2, uplinkName: 'dsl', local: '127.0.0.2', state: 'doubted' },
    ];
    bed.paths.review([dsl]);
    expect([...bed.names.keys()]).toEqual([0]);
  });
});

test('where no socket can be had it is said, and tried again after a while', async () => {
  bed.subflows = [{ id: 1, uplinkName: 'dsl', local: '127.0.0.2' }];
  bed.hasDescriptor = false;
  bed.paths.review([dsl]);
  await until(() => bed.said.length === 1);
  bed.hasDescriptor = true;
  bed.paths.review([dsl]);
  await sleep(20);
  expect(bed.wires.size).toBe(0);
  bed.nowMs = 500;
  bed.paths.review([dsl]);
  await until(() => bed.wires.size === 1);
});

test('a concentrator that says another port again and again has sockets made anew every ten seconds at most', async () => {
  bed.subflows = [{ id: 1, uplinkName: 'dsl', local: '127.0.0.2' }];
  bed.paths.review([dsl]);
  await until(() => bed.opened === 1);
  const port = bed.port.local.port;
  for (let i = 1; i <= 3_000; i++) {
    bed.nowMs = i * 10;
    // Some of the time it has none.
    bed.paths.setPort(i % 3 === 0 ? 0 : port + (i % 7) + 1);
    bed.paths.review([dsl]);
    if (i % 100 === 0) await sleep(1);
  }
  console.log(`${bed.opened} sockets for 3000 ports in 30 s`);
  expect(bed.opened).toBeLessThanOrEqual(1 + 3 * 2);
  // What it says in the end is what holds.
  bed.paths.setPort(port);
  bed.nowMs += PORT_CHANGE_MS;
  bed.paths.review([dsl]);
  await until(() => bed.wires.size === 1);
  bed.wires
    .values()
    .next()
    .value!.send([Buffer.from('again')], listener);
  await until(() => bed.heard.length === 1);
});

test('an uplink through a proxy has no path', async () => {
  bed.subflows = [{ id: 1, uplinkName: 'proxy', local: '127.0.0.2' }];
  bed.paths.review([
    { name: 'proxy', binding: { kind: 'proxy', host: '127.0.0.1', port: 1 }, backup: false },
  ]);
  await sleep(20);
  expect([bed.wires.size, bed.said.length]).toEqual([0, 0]);
});
