import type { Registry } from 'prom-client';
import type { SessionSnapshot, SubflowSnapshot } from '../../protocol/session/snapshot.ts';
import type { SessionDriver } from '../session/session-driver.ts';
import type { TrafficTable } from '../session/uplink-traffic.ts';
import { type DatagramMetricsSource, registerDatagramMetrics } from './datagram-metrics.ts';
import type { CountedDatagrams } from './datagram-totals.ts';
import type { ResentBytes } from './resent-bytes.ts';
import { registerCounter, registerGauge } from './scraped-metric.ts';
import { registerStreamDelays, type StreamDelaySource } from './stream-delay-metrics.ts';
import { registerUplinkBytes } from './uplink-bytes.ts';
import { SUBFLOW_USES, subflowUse, type UplinkFigures, uplinkFigures } from './uplink-figures.ts';

export interface SessionMetricsSource extends DatagramMetricsSource, StreamDelaySource {
  /** The sessions that live now. */
  readonly drivers: () => Iterable<Pick<SessionDriver, 'snapshot'> & Pick<CountedDatagrams, 'packetDrops'>>;
  readonly traffic: TrafficTable;
  readonly resent: ResentBytes;
}

/**
 * Registers what both programs tell of their sessions: bytes per uplink and direction, subflows by state, round trip
 * times, rates, streams and their delays, reinjection, reorder buffers, datagrams. Values are read when they are scraped.
 */
export function registerSessionMetrics(registry: Registry, source: SessionMetricsSource): void {
  registerUplinkBytes(
    registry,
    {
      name: 'tributary_uplink_bytes_total',
      help: 'Bytes carried by the subflows of an uplink, TLS left out, by direction as this end sees it',
    },
    source.traffic,
  );
  registerSubflows(registry, source);
  registerParked(registry, source);
  registerFigures(registry, source);
  registerTotals(registry, source);
  registerResent(registry, source);
  registerStreamDelays(registry, source);
  registerDatagramMetrics(registry, source);
}

function registerSubflows(registry: Registry, { drivers, traffic }: SessionMetricsSource): void {
  registerGauge(registry, {
    name: 'tributary_subflows',
    help: 'Subflows by uplink and state: active, doubted (silent, its data is sent again elsewhere), parked (its uplink holds up the rest), retiring (one too many)',
    labelNames: ['uplink', 'state'],
    *samples() {
      for (const [uplink] of traffic.entries()) {
        for (const state of SUBFLOW_USES) yield [{ uplink, state }, 0];
      }
      for (const subflow of subflowsOf(drivers())) {
        yield [{ uplink: subflow.uplinkName, state: subflowUse(subflow) }, 1];
      }
    },
  });
}

function registerParked(registry: Registry, { drivers, traffic }: SessionMetricsSource): void {
  registerGauge(registry, {
    name: 'tributary_uplink_parked',
    help: 'Sessions that leave an uplink out of what they send, by reason: holds_up_the_rest (the numbers are in the log)',
    labelNames: ['uplink', 'reason'],
    *samples() {
      const reason = 'holds_up_the_rest';
      for (const [uplink] of traffic.entries()) yield [{ uplink, reason }, 0];
      for (const driver of drivers()) {
        const parked = driver.snapshot().subflows.filter(({ isParked }) => isParked);
        for (const uplink of new Set(parked.map(({ uplinkName }) => uplinkName)))
          yield [{ uplink, reason }, 1];
      }
    },
  });
}

/** What is measured of an uplink; `value` is undefined until it is. */
const UPLINK_GAUGES: readonly {
  readonly name: string;
  readonly help: string;
  readonly value: (figures: UplinkFigures) => number | undefined;
}[] = [
  {
    name: 'tributary_uplink_rtt_seconds',
    help: 'Smoothed round trip time of an uplink, from receipts',
    value: ({ rttMs }) => rttMs && rttMs / 1000,
  },
  {
    name: 'tributary_uplink_min_rtt_seconds',
    help: 'Smallest round trip time of an uplink, from receipts',
    value: ({ minRttMs }) => minRttMs && minRttMs / 1000,
  },
  {
    name: 'tributary_uplink_delivery_rate_bytes_per_second',
    help: 'What an uplink delivered of late while it was kept busy, in the direction from this end',
    value: ({ rateBytesPerSecond = 0 }) => rateBytesPerSecond,
  },
  {
    name: 'tributary_uplink_in_flight_bytes',
    help: 'Bytes written to the subflows of an uplink and not receipted',
    value: ({ inFlightBytes }) => inFlightBytes,
  },
];

function registerFigures(registry: Registry, { drivers }: SessionMetricsSource): void {
  for (const { name, help, value } of UPLINK_GAUGES) {
    registerGauge(registry, {
      name,
      help,
      labelNames: ['uplink'],
      *samples() {
        const all = subflowsOf(drivers());
        for (const uplink of new Set(all.map(({ uplinkName }) => uplinkName))) {
          const own = all.filter(({ uplinkName }) => uplinkName === uplink);
          const measured = value(uplinkFigures(own));
          if (measured !== undefined) yield [{ uplink }, measured];
        }
      },
    });
  }
}

/** What is added up over the sessions. */
const TOTAL_GAUGES: readonly {
  readonly name: string;
  readonly help: string;
  readonly value: (session: SessionSnapshot) => number;
}[] = [
  { name: 'tributary_sessions', help: 'Sessions that live now', value: ({ isClosed }) => (isClosed ? 0 : 1) },
  {
    name: 'tributary_streams',
    help: 'Streams that are open now',
    value: ({ streamCount }) => streamCount,
  },
  {
    name: 'tributary_reorder_buffer_bytes',
    help: 'Bytes that wait for a hole to be filled',
    value: ({ reorderBytes }) => reorderBytes,
  },
];

function registerTotals(registry: Registry, { drivers }: SessionMetricsSource): void {
  for (const { name, help, value } of TOTAL_GAUGES) {
    registerGauge(registry, {
      name,
      help,
      labelNames: [],
      *samples() {
        for (const driver of drivers()) yield [{}, value(driver.snapshot())];
      },
    });
  }
}

function registerResent(registry: Registry, { drivers, resent }: SessionMetricsSource): void {
  registerCounter(registry, {
    name: 'tributary_reinjected_bytes_total',
    help: 'Bytes sent more than once: lost (their subflow was doubted or died), copy (head of line, on a second subflow), redundant (on every uplink, as its steering mode wants)',
    labelNames: ['kind'],
    *samples() {
      const { lost, copied, redundant } = resent.total(drivers());
      yield [{ kind: 'lost' }, lost];
      yield [{ kind: 'copy' }, copied];
      yield [{ kind: 'redundant' }, redundant];
    },
  });
}

function subflowsOf(drivers: ReturnType<SessionMetricsSource['drivers']>): readonly SubflowSnapshot[] {
  return [...drivers].flatMap((driver) => driver.snapshot().subflows);
}
