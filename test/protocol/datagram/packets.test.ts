import { describe, expect, it } from 'vitest';
import type { OutgoingPacket } from '../../../shared/protocol/datagram/datagram-commands.ts';
import type { Uplinks } from '../../../shared/protocol/uplink/uplinks.ts';
import { bytes, DatagramPair, incoming, randomBytes, SETUP } from './datagram-pair.ts';

const TO = { host: '198.51.100.7', port: 53 };
const KIND_PATH = 1;
const KIND_DATAGRAM = 3;

const kindOf = ({ head }: OutgoingPacket) => head[0]! & 0x0f;
const packetBytes = (packet: OutgoingPacket) => incoming(packet).packetBytes;

function begun(uplinks: readonly string[] = ['wifi']) {
  const pair = new DatagramPair(uplinks).begin(uplinks);
  const { datagrams } = pair.client.session;
  const flow = datagrams.openFlow(datagrams.openAssociation(), TO);
  pair.run(50);
  return { pair, datagrams, flow, peer: pair.concentrator.session.datagrams };
}

describe('packets', () => {
  it.each([
    ['over a path', 'arrives'],
    ['on a subflow', 'lost'],
  ] as const)('carry datagrams of all lengths %s', (_, fate) => {
    const pair = new DatagramPair();
    pair.fate = () => fate;
    pair.begin();
    const { datagrams } = pair.client.session;
    const flow = datagrams.openFlow(datagrams.openAssociation(), TO);
    pair.run(2_000);
    const lengths = [0, 1, 1_000, 1_160, 1_161, 1_500, 2_032, 2_033, 9_000, 65_507];
    for (const length of lengths) {
      datagrams.send(
        flow,
        Uint8Array.from({ length }, (_, i) => i * 7),
      );
      pair.run(5);
    }
    const received = pair.concentrator.eventsOf('datagram').map(({ payload }) => payload);
    expect(received.map(({ length }) => length)).toEqual(lengths);
    for (const payload of received) expect(payload.every((byte, i) => byte === ((i * 7) & 0xff))).toBe(true);
    datagrams.send(flow, new Uint8Array(65_528));
    expect(pair.client.drops).toEqual({ 'too-long': 1 });
  });

  it('are no longer than the path takes', () => {
    const { pair, datagrams, flow } = begun();
    for (const length of [1_400, 30_000]) datagrams.send(flow, new Uint8Array(length));
    pair.run(5);
    const sent = pair.client.packets.filter((packet) => kindOf(packet) === KIND_DATAGRAM);
    expect(Math.max(...sent.map(packetBytes))).toBeLessThanOrEqual(1_500);
  });

  it('that were cut arrive whatever order they come in, once', () => {
    const { pair, datagrams, flow } = begun();
    pair.fate = (packet) => (kindOf(packet) === KIND_DATAGRAM ? 'held' : 'arrives');
    datagrams.send(flow, new Uint8Array(5_000));
    pair.settle();
    for (const { packet, to } of pair.held.splice(0).reverse()) {
      pair.deliver(packet, to);
      pair.deliver(packet, to);
    }
    pair.settle();
    expect(pair.concentrator.eventsOf('datagram')).toHaveLength(1);
  });

  it('count once where they are repeated, on their path or on another', () => {
    const { pair, datagrams, flow } = begun(['wifi', 'lte']);
    datagrams.send(flow, bytes('x'));
    pair.settle();
    const packet = pair.client.packets.findLast((one) => kindOf(one) === KIND_DATAGRAM)!;
    expect(pair.concentrator.session.datagrams.isNew(packet.path, packet.counter)).toBe(false);
    pair.deliver(packet, pair.concentrator);
    pair.deliver({ ...packet, path: 1 - packet.path, counter: 5_000 }, pair.concentrator);
    pair.settle();
    expect([pair.concentrator.texts, pair.concentrator.drops.repeated]).toEqual([['x'], 2]);
  });

  it('have counters that go on when a number of a path is used again', () => {
    const { pair, datagrams } = begun(['wifi', 'lte']);
    const counters = () => pair.client.packets.filter(({ path }) => path === 0).map(({ counter }) => counter);
    const before = Math.max(...counters());
    datagrams.removePath(0);
    pair.settle();
    expect(datagrams.uplinkOf(0)).toBeUndefined();
    expect(datagrams.addPath('lte')).toBe(2);
    expect(datagrams.addPath('wifi')).toBe(0);
    pair.run(100);
    expect(new Set(counters()).size).toBe(counters().length);
    expect(Math.max(...counters())).toBeGreaterThan(before);
    expect(pair.concentrator.session.datagrams.uplinkOf(0)).toBe('wifi');
  });

  it('are forgotten with their path a minute after the last of it, and the limit of its uplink with them', () => {
    const { pair, datagrams } = begun(['wifi', 'lte']);
    const { session } = pair.concentrator;
    const limit = { sendBytesPerSecond: 0, receiveBytesPerSecond: 1_000_000, isMetered: true };
    pair.client.session.uplinks.limitRate('lte', limit);
    pair.run(100);
    pair.client.session.subflows.remove(1);
    pair.run(30_000);
    const limitOf = () => (session.uplinks as Uplinks).known('lte')?.bucket?.bytesPerSecond;
    expect([session.datagrams.uplinkOf(1), limitOf()]).toEqual(['lte', 1_000_000]);
    datagrams.removePath(1);
    pair.run(61_000);
    expect([session.datagrams.uplinkOf(1), limitOf()]).toEqual([undefined, undefined]);
    expect(session.datagrams.uplinkOf(0)).toBe('wifi');
  });

  it('have no more than 32 paths, of which that which was silent for the longest time gives way', () => {
    const { pair, datagrams, peer } = begun();
    for (let path = 1; path < 32; path++) expect(datagrams.addPath('wifi')).toBe(path);
    expect(datagrams.addPath('wifi')).toBeUndefined();
    pair.run(500);
    const known = () => Array.from({ length: 40 }, (_, path) => path).filter((path) => peer.uplinkOf(path));
    expect(known()).toHaveLength(32);
    datagrams.removePath(5);
    expect(datagrams.addPath('lte')).toBe(32);
    pair.addSubflow('lte');
    pair.run(20_000);
    expect(known()).toEqual([...Array.from({ length: 33 }, (_, path) => path).filter((path) => path !== 5)]);
  });

  it('use new keys at once at the client, and on each path that has them at the concentrator', () => {
    const { pair, datagrams, flow, peer } = begun();
    const epochs = () => pair.ends.map(({ packets }) => packets.at(-1)?.epoch);
    expect(epochs()).toEqual([1, 1]);
    pair.fate = () => 'lost';
    peer.offer({ ...SETUP, secret: new Uint8Array(32).fill(1) }, randomBytes);
    pair.settle();
    expect(pair.client.eventsOf('datagrams-offered').at(-1)?.setup.epoch).toBe(2);
    datagrams.send(flow, bytes('x'));
    peer.send(flow, bytes('y'));
    pair.settle();
    expect(epochs()).toEqual([2, 1]);
    pair.fate = () => 'arrives';
    datagrams.send(flow, bytes('x'));
    pair.settle();
    peer.send(flow, bytes('y'));
    pair.settle();
    expect(epochs()).toEqual([2, 2]);
  });

  it('go nowhere from the concentrator before the path has said its uplink, or for one that it does not know', () => {
    const pair = new DatagramPair().begin([]);
    const { datagrams } = pair.client.session;
    pair.fate = (packet) => (kindOf(packet) === KIND_PATH ? 'lost' : 'arrives');
    const path = datagrams.addPath('wifi')!;
    pair.run(200);
    expect(pair.concentrator.packets).toEqual([]);
    pair.fate = () => 'arrives';
    datagrams.addPath('unheard');
    pair.run(2_000);
    expect(new Set(pair.concentrator.packets.map((packet) => packet.path))).toEqual(new Set([path]));
  });

  it('that move a path let no more bytes go to the new place than came from there, until it answers', () => {
    const { pair, flow, datagrams, peer } = begun();
    pair.fate = () => 'held';
    let came = 0;
    const sentBefore = pair.concentrator.packets.length;
    for (let i = 0; i < 20; i++) {
      datagrams.send(flow, bytes('x'));
      pair.settle();
      for (const { packet, to } of pair.held.splice(0)) {
        if (to !== pair.concentrator || kindOf(packet) !== KIND_DATAGRAM) continue;
        came += packetBytes(packet);
        pair.deliver(packet, to, came === packetBytes(packet));
      }
      for (let j = 0; j < 10; j++) peer.send(flow, new Uint8Array(1_000));
      pair.run(20);
      const sent = pair.concentrator.packets.slice(sentBefore);
      expect(sent.reduce((sum, packet) => sum + packetBytes(packet), 0)).toBeLessThanOrEqual(came);
      expect(sent.some((packet) => kindOf(packet) === KIND_DATAGRAM)).toBe(false);
    }
    pair.fate = () => 'arrives';
    pair.run(300);
    peer.send(flow, bytes('again'));
    pair.settle();
    expect(kindOf(pair.concentrator.packets.at(-1)!)).toBe(KIND_DATAGRAM);
  });

  it('that wait on a subflow are dropped after 50 ms, and counted', () => {
    const pair = new DatagramPair();
    pair.fate = () => 'lost';
    pair.begin();
    const { datagrams } = pair.client.session;
    const flow = datagrams.openFlow(datagrams.openAssociation(), TO);
    pair.settle();
    pair.client.session.subflows.setWritable(0, false);
    datagrams.send(flow, bytes('late'));
    pair.client.session.flush();
    pair.client.session.advance(pair.nowMs + 49);
    pair.client.session.flush();
    expect(pair.client.drops).toEqual({});
    expect(pair.client.session.deadlineMs).toBeLessThanOrEqual(pair.nowMs + 50);
    pair.client.session.advance(pair.nowMs + 50);
    pair.client.session.flush();
    expect(pair.client.drops).toEqual({ 'subflow-late': 1 });
  });

  it('are bounded where nobody takes them', () => {
    const { pair, datagrams, flow } = begun();
    const sent = 10_000;
    for (let i = 0; i < sent; i++) datagrams.send(flow, new Uint8Array(1));
    const taken = datagrams.takePackets().length;
    expect(taken).toBeLessThanOrEqual(4_096);
    const { drops } = datagrams.snapshot().counters;
    expect(taken + drops['turn-full'] + drops['queue-full']).toBe(sent);
    expect(pair.client.session.isClosed).toBe(false);
  });
});
