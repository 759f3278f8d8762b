import { expect, test } from 'vitest';
import type { OutgoingPacket } from '../../../shared/protocol/datagram/datagram-commands.ts';
import { DatagramPair, messageOf, type PairEnd, quicInitial } from './datagram-pair.ts';

const OVERHEAD_BYTES = 32;
const ONE_WAY_MS = 10;
const STEP_MS = 10;
const BEFORE_MS = 3_000;

interface Case {
  /** Of UDP payload that the path takes from one moment to the next; before, it took all. */
  readonly takes: number;
  readonly bytes: number;
  /** Between the datagrams of the flow. */
  readonly gapMs: number;
  readonly mostMs: number;
  /** The flow begins as QUIC does. */
  readonly isQuic?: boolean;
}

const CASES: readonly Case[] = [
  { takes: 1_400, bytes: 1_420, gapMs: 10, mostMs: 300 },
  { takes: 1_252, bytes: 1_300, gapMs: 10, mostMs: 300 },
  { takes: 1_252, bytes: 1_300, gapMs: 50, mostMs: 600 },
  { takes: 1_000, bytes: 1_300, gapMs: 10, mostMs: 500 },
  { takes: 600, bytes: 900, gapMs: 10, mostMs: 500 },
  { takes: 1_252, bytes: 1_420, gapMs: 10, mostMs: 300, isQuic: true },
  { takes: 1_400, bytes: 1_430, gapMs: 10, mostMs: 300, isQuic: true },
  { takes: 600, bytes: 1_420, gapMs: 10, mostMs: 500, isQuic: true },
];

test.each(CASES)(
  'a flow with $bytes bytes every $gapMs ms goes on within $mostMs ms where packets longer than $takes vanish from now on',
  ({ takes, bytes, gapMs, mostMs, isQuic = false }) => {
    const pair = new DatagramPair().begin();
    const { datagrams } = pair.client.session;
    const flow = datagrams.openFlow(datagrams.openAssociation(), { host: '192.0.2.1', port: 5 });
    if (isQuic) datagrams.send(flow, quicInitial());
    const underWay: { readonly arrivesMs: number; readonly packet: OutgoingPacket; readonly to: PairEnd }[] =
      [];
    let isShorter = false;
    pair.fate = (packet, from) => {
      const isLost = isShorter && messageOf(packet).length + OVERHEAD_BYTES > takes;
      const to = from === pair.client ? pair.concentrator : pair.client;
      if (!isLost) underWay.push({ arrivesMs: pair.nowMs + ONE_WAY_MS, packet, to });
      return 'lost';
    };
    let [came, cameMs, longestMs] = [0, 0, 0];
    for (let ms = 0; ms < 2 * BEFORE_MS; ms += STEP_MS) {
      isShorter = ms >= BEFORE_MS;
      if (ms % gapMs === 0) datagrams.send(flow, new Uint8Array(bytes));
      for (let i = 0; i < STEP_MS; i++) {
        while (underWay[0] !== undefined && underWay[0].arrivesMs <= pair.nowMs) {
          const { packet, to } = underWay.shift()!;
          pair.deliver(packet, to);
        }
        pair.run(1);
      }
      const now = pair.concentrator.eventsOf('datagram').length;
      if (now === came) continue;
      if (isShorter) longestMs = Math.max(longestMs, pair.nowMs - cameMs);
      [came, cameMs] = [now, pair.nowMs];
    }
    console.log(`longer than ${takes} bytes vanish: ${longestMs} ms without a datagram`);
    expect(longestMs).toBeGreaterThan(gapMs);
    expect(longestMs).toBeLessThanOrEqual(mostMs);
    // Nothing waits for frames to stand in.
    expect(pair.client.session.datagrams.snapshot().counters.sentFrames).toBe(0);
    expect(pair.nowMs - cameMs).toBeLessThan(100);
  },
);

test('only what a QUIC flow relies on is cut where packets are shorter now: longer probes are lost there', () => {
  const pair = new DatagramPair();
  let takes = 1_472;
  pair.fate = (packet) => (messageOf(packet).length + OVERHEAD_BYTES <= takes ? 'arrives' : 'lost');
  pair.begin();
  const { datagrams } = pair.client.session;
  const flow = datagrams.openFlow(datagrams.openAssociation(), { host: '192.0.2.1', port: 443 });
  const arrived = (bytes: number, count: number) => {
    const before = pair.concentrator.eventsOf('datagram').length;
    for (let i = 0; i < count; i++) {
      datagrams.send(flow, new Uint8Array(bytes));
      pair.run(10);
    }
    return pair.concentrator.eventsOf('datagram').length - before;
  };
  datagrams.send(flow, quicInitial());
  pair.run(100);
  expect(arrived(1_420, 20)).toBe(20);
  expect(arrived(1_428, 3)).toBe(3);
  takes = 1_252;
  arrived(1_420, 50);
  expect(arrived(1_420, 50)).toBe(50);
  expect(arrived(1_428, 3)).toBe(0);
  expect(pair.client.drops['too-long']).toBe(3);
});

test('a QUIC flow whose path never took long packets has its probes lost, however many', () => {
  const pair = new DatagramPair();
  pair.fate = (packet) => (messageOf(packet).length + OVERHEAD_BYTES <= 1_252 ? 'arrives' : 'lost');
  pair.begin();
  const { datagrams } = pair.client.session;
  const flow = datagrams.openFlow(datagrams.openAssociation(), { host: '192.0.2.1', port: 443 });
  datagrams.send(flow, quicInitial());
  pair.run(5_000);
  for (let i = 0; i < 20; i++) datagrams.send(flow, new Uint8Array(1_420));
  pair.run(100);
  expect(pair.concentrator.eventsOf('datagram').length).toBe(1);
  expect(pair.client.drops['too-long']).toBe(20);
});
