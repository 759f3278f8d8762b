import { expect, test } from 'vitest';
import { MAX_PARTS } from '../../../shared/protocol/codec/datagram-message.ts';
import { DatagramPair, messageOf } from './datagram-pair.ts';

/** The longest payloads that UDP has over IPv4 and IPv6. */
const LONGEST = [65_507, 65_527];
const ADDRESS = '198.51.100.7';
/** Of header and tag. */
const OVERHEAD_BYTES = 32;
/** All lengths have been tried by then, and FLOW has been receipted. */
const SETTLED_MS = 5_000;

/** A pair whose path takes packets up to so many bytes; none: datagrams travel in frames. */
function pairOver(packetBytes: number, host = ADDRESS) {
  const pair = new DatagramPair();
  pair.fate = (packet) => (messageOf(packet).length + OVERHEAD_BYTES <= packetBytes ? 'arrives' : 'lost');
  pair.begin();
  const { datagrams } = pair.client.session;
  const flow = datagrams.openFlow(datagrams.openAssociation(), { host, port: 53 });
  return { pair, datagrams, flow };
}

const PATHS = [0, 508, 576, 999, 1_000, 1_200, 1_472];

test.each(PATHS.flatMap((packetBytes) => LONGEST.map((bytes) => ({ packetBytes, bytes }))))(
  'a datagram of $bytes bytes passes, both ways, where packets have $packetBytes at most',
  ({ packetBytes, bytes }) => {
    const { pair, datagrams, flow } = pairOver(packetBytes);
    pair.run(SETTLED_MS);
    const payload = Uint8Array.from({ length: bytes }, (_, i) => i * 7 + (i >> 8));
    datagrams.send(flow, payload.slice());
    pair.run(100);
    pair.concentrator.session.datagrams.send(flow, payload.slice());
    pair.run(100);
    for (const end of [pair.concentrator, pair.client]) {
      expect(Buffer.compare(end.eventsOf('datagram').at(-1)!.payload, payload)).toBe(0);
    }
    expect([pair.client.drops, pair.concentrator.drops]).toEqual([{}, {}]);
  },
);

test('what needs more parts is not sent, and counted once', () => {
  const { pair, datagrams, flow } = pairOver(508, 'n'.repeat(253));
  pair.run(SETTLED_MS);
  pair.subflowsPass = false;
  const late = datagrams.openFlow(0, { host: 'm'.repeat(253), port: 53 });
  datagrams.send(late, new Uint8Array(65_507));
  expect(pair.client.drops).toEqual({ 'too-long': 1 });
  // Without the announcement it fits.
  datagrams.send(flow, new Uint8Array(65_507));
  const packets = datagrams.takePackets();
  expect(packets.length).toBeGreaterThan(64);
  expect(packets.length).toBeLessThanOrEqual(MAX_PARTS);
  expect(pair.client.drops).toEqual({ 'too-long': 1 });
});
