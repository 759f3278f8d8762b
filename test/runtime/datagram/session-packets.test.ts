import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type {
  DatagramSetup,
  IncomingPacket,
  OutgoingPacket,
} from '../../../shared/protocol/datagram/datagram-commands.ts';
import { type PacketWire, SessionPackets } from '../../../shared/runtime/datagram/session-packets.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import type { SendListener } from '../../../shared/runtime/udp/udp-socket.ts';

const MINUTE_MS = 60_000;

function setupOf(epoch: number): DatagramSetup {
  const filled = (count: number) => new Uint8Array(count).fill(epoch);
  return { epoch, port: 1, connectionId: filled(8), secret: filled(32), maxFlows: 1, maxAssociations: 1 };
}

/** Keeps what is sent, as whole packets. */
class FakeWire implements PacketWire {
  readonly sent: Uint8Array[] = [];
  /** What the kernel answers. */
  refusal: string | undefined;
  readonly #place: string;

  constructor(place: string) {
    this.#place = place;
  }

  send(pieces: readonly Uint8Array[], listener: SendListener): void {
    const packet = Buffer.concat(pieces);
    if (this.refusal === undefined) this.sent.push(packet);
    else listener.onUnsent(this.refusal, packet.length);
  }

  isSame(other: PacketWire): boolean {
    return other instanceof FakeWire && other.#place === this.#place;
  }
}

/** One end, with a plane that has what it is given. */
class End {
  readonly received: IncomingPacket[] = [];
  readonly tooLong: [number, number][] = [];
  readonly uplinks = new Map<number, string>();
  readonly meters: string[] = [];
  readonly packets: SessionPackets;
  nowMs = 0;
  #out: OutgoingPacket[] = [];

  constructor(role: 'client' | 'concentrator') {
    this.packets = new SessionPackets({
      plane: {
        isNew: (path, counter) =>
          !this.received.some((packet) => packet.path === path && packet.counter === counter),
        receive: (packet) => void this.received.push(packet),
        takePackets: () => this.#out.splice(0),
        uplinkOf: (path) => this.uplinks.get(path),
      },
      role,
      gcm: loadNative().native?.gcm,
      clock: () => this.nowMs,
      meterOf: (name) => ({
        onSent: (bytes) => void this.meters.push(`${name} sent ${bytes}`),
        onUnsent: (bytes) => void this.meters.push(`${name} unsent ${bytes}`),
        onReceived: (bytes) => void this.meters.push(`${name} received ${bytes}`),
      }),
      onTooLong: (path, bytes) => void this.tooLong.push([path, bytes]),
    });
    this.packets.addKeys(setupOf(1));
  }

  send(path: number, counter: number, text = 'message', epoch = 1): void {
    this.queue(path, counter, text, epoch);
    this.packets.flush();
  }

  /** What the plane has, in a turn that is not over. */
  queue(path: number, counter: number, text = 'message', epoch = 1): void {
    this.#out.push({
      epoch,
      path,
      counter,
      head: Buffer.from(text.slice(0, 1)),
      payload: Buffer.from(text.slice(1)),
    });
  }

  get texts(): string[] {
    return this.received.map(({ message }) => Buffer.from(message).toString());
  }

  get drops(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.packets.counts.drops).filter(([, count]) => count > 0));
  }
}

let client: End;
let concentrator: End;
let wire: FakeWire;
const home = new FakeWire('home');

beforeEach(() => {
  client = new End('client');
  concentrator = new End('concentrator');
  wire = new FakeWire('concentrator');
  client.packets.setWire(0, wire);
});
afterEach(() => {
  client.packets.close();
  concentrator.packets.close();
});

/** What the client has sent arrives from an address. */
function arrive(from: PacketWire = home): void {
  for (const packet of wire.sent.splice(0)) concentrator.packets.receive(packet, from);
}

test('what one end sends the other opens, with all that its plane wants to know', () => {
  client.send(0, 1, 'hello');
  client.send(0, 2 ** 40, 'x');
  arrive();
  expect(concentrator.texts).toEqual(['hello', 'x']);
  expect(concentrator.received[0]).toMatchObject({ epoch: 1, path: 0, counter: 1, packetBytes: 37 });
  expect(concentrator.received[1]).toMatchObject({ counter: 2 ** 40, packetBytes: 33 });
});

test('a packet that is repeated, damaged, cut, turned back, or on another path is dropped and counted', () => {
  client.send(0, 1);
  const [packet] = wire.sent as [Uint8Array];
  const { packets } = concentrator;
  arrive();
  packets.receive(packet, home);
  const bent = Uint8Array.from(packet);
  bent[15] = 2;
  packets.receive(bent, home);
  packets.receive(packet.subarray(0, 20), home);
  const otherPath = Uint8Array.from(packet);
  otherPath[8] = 1;
  packets.receive(otherPath, home);
  client.packets.receive(packet, wire);
  expect(concentrator.received.length).toBe(1);
  expect(client.received.length).toBe(0);
  expect(concentrator.drops).toEqual({ repeated: 1, 'not-authentic': 3 });
  expect(client.drops).toEqual({ 'not-authentic': 1 });
});

describe('where the concentrator sends', () => {
  const away = new FakeWire('away');
  beforeEach(() => {
    home.sent.length = 0;
    away.sent.length = 0;
  });

  test('is nowhere before anything has authenticated', () => {
    concentrator.send(0, 1);
    expect(concentrator.drops).toEqual({ 'no-wire': 1 });
  });

  test('is where the newest packet came from, and the plane hears of a change', () => {
    client.send(0, 1);
    client.send(0, 2);
    arrive(home);
    client.send(0, 5);
    arrive(away);
    client.send(0, 3);
    arrive(new FakeWire('late'));
    expect(concentrator.received.map(({ counter, isMoved }) => [counter, isMoved])).toEqual([
      [1, true],
      [2, false],
      [5, true],
      [3, false],
    ]);
    concentrator.send(0, 1);
    expect([home.sent.length, away.sent.length]).toEqual([0, 1]);
  });

  test('is where it was for what had been said before the change', () => {
    client.send(0, 1);
    client.send(0, 2);
    client.packets.setWire(1, wire);
    client.send(1, 1);
    const [first, second, other] = wire.sent.splice(0) as [Uint8Array, Uint8Array, Uint8Array];
    concentrator.packets.receive(first, home);
    concentrator.packets.receive(other, home);
    for (let counter = 1; counter <= 1_000; counter++) concentrator.queue(counter % 2, counter);
    concentrator.packets.receive(second, away);
    concentrator.packets.flush();
    expect([home.sent.length, away.sent.length]).toEqual([1_000, 0]);
    concentrator.queue(0, 1_001);
    concentrator.packets.flush();
    expect([home.sent.length, away.sent.length]).toEqual([1_000, 1]);
  });

  test('does not change for what is not authentic', () => {
    client.send(0, 1);
    arrive(home);
    client.send(0, 9);
    const [packet] = wire.sent.splice(0) as [Uint8Array];
    packet[20]! ^= 1;
    concentrator.packets.receive(packet, away);
    concentrator.send(0, 1);
    expect([home.sent.length, away.sent.length]).toEqual([1, 0]);
  });

  test('is a path of its own for each number', () => {
    client.packets.setWire(1, wire);
    client.send(0, 1);
    arrive(home);
    client.send(1, 1);
    arrive(away);
    concentrator.send(0, 1);
    concentrator.send(1, 1);
    expect([home.sent.length, away.sent.length]).toEqual([1, 1]);
  });
});

test('the client hears a path on its own socket alone', () => {
  client.send(0, 1);
  arrive();
  home.sent.length = 0;
  concentrator.send(0, 1, 'answer');
  const [packet] = home.sent as [Uint8Array];
  client.packets.receive(packet, new FakeWire('another socket'));
  client.packets.receive(packet, wire);
  expect(client.texts).toEqual(['answer']);
  expect(client.drops).toEqual({ 'not-authentic': 1 });
});

test('keys of the epoch before are accepted for a minute, and none before those', () => {
  client.send(0, 1, 'old');
  const old = wire.sent.splice(0)[0]!;
  client.packets.addKeys(setupOf(2));
  concentrator.packets.addKeys(setupOf(2));
  client.send(0, 2, 'new', 2);
  arrive();
  concentrator.nowMs = MINUTE_MS;
  concentrator.packets.receive(old, home);
  expect(concentrator.texts).toEqual(['new', 'old']);
  expect(concentrator.packets.packetsOfEpoch).toBe(1);
  concentrator.received.length = 0;
  concentrator.nowMs = MINUTE_MS + 1;
  concentrator.packets.receive(old, home);
  expect(concentrator.drops).toEqual({ 'old-keys': 1 });
  concentrator.nowMs = 0;
  concentrator.packets.addKeys(setupOf(3));
  concentrator.packets.receive(old, home);
  client.send(0, 3, 'old keys', 1);
  arrive();
  client.send(0, 4, 'last', 2);
  arrive();
  expect(concentrator.texts).toEqual(['last']);
  expect(concentrator.drops).toEqual({ 'old-keys': 3 });
});

test('what the kernel does not take is told: longer than the interface carries, no room, no way', () => {
  client.uplinks.set(0, 'lte');
  wire.refusal = 'EMSGSIZE';
  client.send(0, 1, 'x'.repeat(100));
  wire.refusal = 'ENOBUFS';
  client.send(0, 2);
  wire.refusal = 'ENETUNREACH';
  client.send(0, 3);
  expect(client.tooLong).toEqual([[0, 132]]);
  expect(client.drops).toEqual({ 'too-long': 1, 'socket-full': 1, unreachable: 1 });
  expect(client.packets.counts).toMatchObject({ sentPackets: 0, sentBytes: 0 });
  expect(client.meters).toEqual(
    ['sent', 'unsent']
      .flatMap((what) => [`lte ${what} 132`])
      .concat(['lte sent 39', 'lte unsent 39', 'lte sent 39', 'lte unsent 39']),
  );
});

test('packets count for their uplink as soon as it is known', () => {
  client.send(0, 1);
  arrive();
  concentrator.uplinks.set(0, 'dsl');
  client.send(0, 2, 'xyz');
  arrive();
  home.refusal = undefined;
  concentrator.send(0, 1, 'four');
  expect(concentrator.meters).toEqual(['dsl received 35', 'dsl sent 36']);
});

test('packets that wait for the processor are kept as they were, up to a bound', () => {
  for (let counter = 1; counter <= 300; counter++) client.send(0, counter, `text ${counter}`);
  for (const packet of wire.sent) {
    concentrator.packets.hold(packet, home);
    packet.fill(0);
  }
  let allowed = 100;
  concentrator.packets.receiveHeld(() => allowed-- === 0);
  expect(concentrator.received.length).toBe(100);
  concentrator.packets.receiveHeld(() => false);
  expect(concentrator.texts.at(-1)).toBe('text 256');
  expect(concentrator.drops).toEqual({ processor: 44 });
});

test('packets that wait for the processor hold no more than as many of an ordinary length', () => {
  const longest = new Uint8Array(65_507);
  for (let i = 0; i < 10; i++) concentrator.packets.hold(longest, home);
  expect(concentrator.drops).toEqual({ processor: 5 });
  concentrator.packets.receiveHeld(() => false);
  concentrator.packets.hold(longest, home);
  expect(concentrator.drops).toEqual({ processor: 5, 'old-keys': 5 });
});
