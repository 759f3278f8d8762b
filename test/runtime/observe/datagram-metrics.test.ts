import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { PathRecord } from '../../../shared/protocol/datagram/path/path-record.ts';
import type { PathSnapshot } from '../../../shared/protocol/datagram/path/path-snapshot.ts';
import type { SessionSnapshot } from '../../../shared/protocol/session/snapshot.ts';
import { PacketTable } from '../../../shared/runtime/datagram/packet-table.ts';
import { registerDatagramMetrics } from '../../../shared/runtime/observe/datagram-metrics.ts';
import { type CountedDatagrams, DatagramTotals } from '../../../shared/runtime/observe/datagram-totals.ts';
import { trafficMeter } from '../../../shared/runtime/session/traffic-meter.ts';

/** A session that has sent so many datagrams twice, and whose packets over `lte` took so long there and back. */
function session(
  doubledDatagrams: number,
  roundTripsMs: readonly number[],
  path: Partial<PathSnapshot> = {},
): CountedDatagrams {
  const record = new PathRecord();
  for (const ms of roundTripsMs) record.roundTrips.add(ms);
  for (const ms of roundTripsMs) record.queueing.add(ms - 3);
  record.lostPackets = 2;
  const datagrams = {
    paths: [{ uplink: 'lte', state: 'working', jitterMs: 4, lossShare: 0.01, ...path }],
    records: new Map([['lte', record]]),
    counters: {
      doubledDatagrams,
      doubledBytes: 160 * doubledDatagrams,
      sentFrames: 1,
      drops: { repeated: 3 },
    },
  };
  return {
    snapshot: () => ({ datagrams }) as unknown as SessionSnapshot,
    packetDrops: { repeated: 5 } as never,
  };
}

async function metricsOf(drivers: readonly CountedDatagrams[], ended: readonly CountedDatagrams[] = []) {
  const registry = new Registry();
  const datagramTotals = new DatagramTotals(4);
  for (const one of ended) datagramTotals.onSessionEnded(one);
  const packetTable = new PacketTable(4);
  const traffic = { sentBytes: 0, receivedBytes: 0 };
  const meter = trafficMeter(traffic, packetTable.of('lte'));
  meter.onSent(200);
  meter.onSent(100);
  meter.onUnsent(100);
  meter.onReceived(50);
  expect(traffic).toEqual({ sentBytes: 200, receivedBytes: 50 });
  registerDatagramMetrics(registry, { drivers: () => drivers, datagramTotals, packetTable });
  return (await registry.metrics()).split('\n');
}

it('adds up what sessions of now and before have counted', async () => {
  const ended = [session(1, [7]), session(2, [])];
  for (const _ of [1, 2]) {
    const lines = await metricsOf([session(4, [3, 7, 5_000])], ended);
    expect(lines).toEqual(
      expect.arrayContaining([
        'tributary_datagram_copies_total{kind="doubled"} 7',
        'tributary_datagram_copied_bytes_total{kind="doubled"} 1120',
        'tributary_datagram_frames_total 3',
        'tributary_datagram_session_drops_total{stage="datagram",reason="repeated"} 9',
        'tributary_datagram_session_drops_total{stage="packet",reason="repeated"} 15',
        'tributary_uplink_packets_lost_total{uplink="lte"} 6',
        'tributary_uplink_packets_total{uplink="lte",direction="sent"} 1',
        'tributary_uplink_packet_bytes_total{uplink="lte",direction="sent"} 200',
        'tributary_uplink_packet_bytes_total{uplink="lte",direction="received"} 50',
      ]),
    );
  }
});

it('tells round trips as a histogram', async () => {
  const lines = await metricsOf([session(0, [3, 7, 5_000])], [session(0, [7])]);
  const name = 'tributary_uplink_packet_rtt_seconds';
  expect(lines).toContain(`# TYPE ${name} histogram`);
  expect(lines).toEqual(
    expect.arrayContaining([
      `${name}_bucket{uplink="lte",le="0.005"} 1`,
      `${name}_bucket{uplink="lte",le="0.01"} 3`,
      `${name}_bucket{uplink="lte",le="2"} 3`,
      `${name}_bucket{uplink="lte",le="+Inf"} 4`,
      `${name}_sum{uplink="lte"} 5.017`,
      `${name}_count{uplink="lte"} 4`,
    ]),
  );
});

it('tells what packets have waited in queues as a histogram', async () => {
  const lines = await metricsOf([session(0, [3, 7, 5_000])], [session(0, [7])]);
  const name = 'tributary_uplink_packet_queueing_seconds';
  expect(lines).toEqual(
    expect.arrayContaining([
      `${name}_bucket{uplink="lte",le="0.001"} 1`,
      `${name}_bucket{uplink="lte",le="0.005"} 3`,
      `${name}_bucket{uplink="lte",le="+Inf"} 4`,
      `${name}_sum{uplink="lte"} 5.005`,
    ]),
  );
});

it('tells how paths are now, of several sessions the worst', async () => {
  const lines = await metricsOf([
    session(0, []),
    session(0, [], { state: 'silent', jitterMs: 40, lossShare: 0.2 }),
    session(0, [], { state: 'unvalidated', jitterMs: undefined }),
  ]);
  expect(lines).toEqual(
    expect.arrayContaining([
      'tributary_uplink_packet_paths{uplink="lte",state="working"} 1',
      'tributary_uplink_packet_paths{uplink="lte",state="late"} 0',
      'tributary_uplink_packet_paths{uplink="lte",state="silent"} 1',
      'tributary_uplink_packet_paths{uplink="lte",state="unvalidated"} 1',
      'tributary_uplink_packet_jitter_seconds{uplink="lte"} 0.04',
      'tributary_uplink_packet_loss_ratio{uplink="lte"} 0.2',
    ]),
  );
});
