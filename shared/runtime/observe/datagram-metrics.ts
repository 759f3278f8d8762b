import type { Registry } from 'prom-client';
import {
  type PathRecord,
  QUEUEING_BOUNDS_MS,
  ROUND_TRIP_BOUNDS_MS,
} from '../../protocol/datagram/path/path-record.ts';
import type { PathState } from '../../protocol/datagram/path/path-snapshot.ts';
import type { DelayCounts } from '../../protocol/delay-counts.ts';
import type { SessionSnapshot } from '../../protocol/session/snapshot.ts';
import type { PacketTable } from '../datagram/packet-table.ts';
import type { CountedDatagrams, DatagramTotals } from './datagram-totals.ts';
import { registerHistogram } from './scraped-histogram.ts';
import { registerCounter, registerGauge } from './scraped-metric.ts';

export interface DatagramMetricsSource {
  /** The sessions that live now. */
  readonly drivers: () => Iterable<CountedDatagrams>;
  readonly datagramTotals: DatagramTotals;
  readonly packetTable: PacketTable;
}

type Path = SessionSnapshot['datagrams']['paths'][number];

const PATH_STATES: readonly PathState[] = ['unvalidated', 'working', 'late', 'silent'];

/** Registers what both programs tell of the datagrams of sessions: copies, drops, packets, and how the uplinks carry them. */
export function registerDatagramMetrics(registry: Registry, source: DatagramMetricsSource): void {
  registerDatagrams(registry, source);
  registerPackets(registry, source);
  registerPaths(registry, source);
}

function registerDatagrams(registry: Registry, source: DatagramMetricsSource): void {
  const total = () => source.datagramTotals.total(source.drivers());
  registerCounter(registry, {
    name: 'tributary_datagram_copies_total',
    help: 'Datagrams that were sent more than once: doubled (at once, over another uplink), resent (late, over another uplink)',
    labelNames: ['kind'],
    *samples() {
      const { doubledDatagrams = 0, resentDatagrams = 0 } = total().counters;
      yield [{ kind: 'doubled' }, doubledDatagrams];
      yield [{ kind: 'resent' }, resentDatagrams];
    },
  });
  registerCounter(registry, {
    name: 'tributary_datagram_copied_bytes_total',
    help: 'Bytes of the further copies, by kind',
    labelNames: ['kind'],
    *samples() {
      const { doubledBytes = 0, resentBytes = 0 } = total().counters;
      yield [{ kind: 'doubled' }, doubledBytes];
      yield [{ kind: 'resent' }, resentBytes];
    },
  });
  registerCounter(registry, {
    name: 'tributary_datagram_frames_total',
    help: 'Messages of datagrams that were sent on subflows, since UDP does not pass on their uplink',
    labelNames: [],
    *samples() {
      yield [{}, total().counters.sentFrames ?? 0];
    },
  });
  registerCounter(registry, {
    name: 'tributary_datagram_session_drops_total',
    help: 'Datagrams and their packets that sessions dropped, by stage (datagram, packet) and reason',
    labelNames: ['stage', 'reason'],
    *samples() {
      const { drops, packetDrops } = total();
      for (const [reason, count] of Object.entries(drops)) yield [{ stage: 'datagram', reason }, count];
      for (const [reason, count] of Object.entries(packetDrops)) yield [{ stage: 'packet', reason }, count];
    },
  });
}

function registerPackets(registry: Registry, source: DatagramMetricsSource): void {
  const { packetTable: packets } = source;
  registerCounter(registry, {
    name: 'tributary_uplink_packets_total',
    help: 'UDP packets of the datagram plane, by uplink and direction as this end sees it',
    labelNames: ['uplink', 'direction'],
    *samples() {
      for (const [uplink, { sentPackets, receivedPackets }] of packets.entries()) {
        yield [{ uplink, direction: 'sent' }, sentPackets];
        yield [{ uplink, direction: 'received' }, receivedPackets];
      }
    },
  });
  registerCounter(registry, {
    name: 'tributary_uplink_packet_bytes_total',
    help: 'Their bytes without IP and UDP headers, which are part of tributary_uplink_bytes_total',
    labelNames: ['uplink', 'direction'],
    *samples() {
      for (const [uplink, { sentBytes, receivedBytes }] of packets.entries()) {
        yield [{ uplink, direction: 'sent' }, sentBytes];
        yield [{ uplink, direction: 'received' }, receivedBytes];
      }
    },
  });
  registerCounter(registry, {
    name: 'tributary_uplink_packets_lost_total',
    help: 'UDP packets from this end that have not arrived, by uplink',
    labelNames: ['uplink'],
    *samples() {
      for (const [uplink, { lostPackets }] of source.datagramTotals
        .total(source.drivers())
        .uplinks.entries()) {
        yield [{ uplink }, lostPackets];
      }
    },
  });
  for (const { name, help, boundsMs, delays } of PACKET_DELAYS) {
    registerHistogram(registry, {
      name,
      help,
      labelNames: ['uplink'],
      bounds: boundsMs.map((ms) => ms / 1000),
      *samples() {
        const { uplinks } = source.datagramTotals.total(source.drivers());
        for (const [uplink, record] of uplinks.entries()) {
          const { counts, sumMs } = delays(record);
          yield { labels: { uplink }, counts, sum: sumMs / 1000 };
        }
      },
    });
  }
}

const PACKET_DELAYS: readonly {
  readonly name: string;
  readonly help: string;
  readonly boundsMs: readonly number[];
  readonly delays: (record: PathRecord) => DelayCounts;
}[] = [
  {
    name: 'tributary_uplink_packet_rtt_seconds',
    help: 'Round trips of UDP packets from this end, by uplink',
    boundsMs: ROUND_TRIP_BOUNDS_MS,
    delays: ({ roundTrips }) => roundTrips,
  },
  {
    name: 'tributary_uplink_packet_queueing_seconds',
    help: 'By how much round trips of UDP packets from this end were longer than the shortest of late, by uplink',
    boundsMs: QUEUEING_BOUNDS_MS,
    delays: ({ queueing }) => queueing,
  },
];

/** What is measured of an uplink's paths now; of those of several sessions the worst is told. */
const PATH_GAUGES: readonly {
  readonly name: string;
  readonly help: string;
  readonly value: (path: Path) => number | undefined;
}[] = [
  {
    name: 'tributary_uplink_packet_jitter_seconds',
    help: 'How much the round trips of UDP packets differ, by uplink',
    value: ({ jitterMs }) => jitterMs && jitterMs / 1000,
  },
  {
    name: 'tributary_uplink_packet_loss_ratio',
    help: 'Share of UDP packets from this end that were lost of late, by uplink',
    value: ({ lossShare }) => lossShare,
  },
];

function registerPaths(registry: Registry, { drivers, packetTable: packets }: DatagramMetricsSource): void {
  const paths = () => [...drivers()].flatMap((driver) => driver.snapshot().datagrams.paths);
  registerGauge(registry, {
    name: 'tributary_uplink_packet_paths',
    help: 'Paths of UDP packets, by uplink and state: unvalidated (nothing has come back yet), working, late, silent (flows go elsewhere)',
    labelNames: ['uplink', 'state'],
    *samples() {
      for (const [uplink] of packets.entries()) for (const state of PATH_STATES) yield [{ uplink, state }, 0];
      for (const { uplink, state } of paths()) yield [{ uplink, state }, 1];
    },
  });
  for (const { name, help, value } of PATH_GAUGES) {
    registerGauge(registry, {
      name,
      help,
      labelNames: ['uplink'],
      *samples() {
        const worst = new Map<string, number>();
        for (const path of paths()) {
          const measured = value(path);
          if (measured !== undefined) worst.set(path.uplink, Math.max(measured, worst.get(path.uplink) ?? 0));
        }
        for (const [uplink, measured] of worst) yield [{ uplink }, measured];
      },
    });
  }
}
