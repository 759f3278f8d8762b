import { Counter, Gauge, type Registry } from 'prom-client';
import type { SessionSnapshot, SubflowSnapshot } from '../../protocol/session/snapshot.ts';
import type { SessionDriver } from '../session/session-driver.ts';
import type { TrafficTable } from '../session/uplink-traffic.ts';
import { SUBFLOW_USES, subflowUse, type UplinkFigures, uplinkFigures } from './uplink-figures.ts';

export interface SessionMetricsSource {
  /** The sessions that live now. */
  readonly drivers: () => Iterable<Pick<SessionDriver, 'snapshot'>>;
  readonly traffic: TrafficTable;
}

/** A gauge of each uplink, from what its subflows measure together; undefined until it is measured. */
interface UplinkGauge {
  readonly name: string;
  readonly help: string;
  readonly value: (figures: UplinkFigures) => number | undefined;
}

const UPLINK_GAUGES: readonly UplinkGauge[] = [
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

/** A gauge of the program: the sum over its sessions. */
interface TotalGauge {
  readonly name: string;
  readonly help: string;
  readonly value: (session: SessionSnapshot) => number;
}

const TOTAL_GAUGES: readonly TotalGauge[] = [
  { name: 'tributary_sessions', help: 'Sessions that live now', value: () => 1 },
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

/**
 * Registers what both programs tell of their sessions: bytes per uplink and direction, subflows by state, round trip
 * times, rates, streams, reinjection, reorder buffers. Values are read when they are scraped.
 *
 * @returns to be called when a session ends, so that its counts are kept
 */
export function registerSessionMetrics(
  registry: Registry,
  { drivers, traffic }: SessionMetricsSource,
): (ended: Pick<SessionDriver, 'snapshot'>) => void {
  const sessions = () => [...drivers()].map((driver) => driver.snapshot());
  registerTraffic(registry, traffic);
  registerSubflowStates(registry, sessions, traffic);
  registerParked(registry, sessions, traffic);
  for (const gauge of UPLINK_GAUGES) registerUplinkGauge(registry, sessions, gauge);
  for (const gauge of TOTAL_GAUGES) registerTotalGauge(registry, sessions, gauge);
  return registerReinjection(registry, sessions);
}

type Sessions = () => readonly SessionSnapshot[];

function registerTraffic(registry: Registry, traffic: TrafficTable): void {
  new Counter({
    name: 'tributary_uplink_bytes_total',
    help: 'Bytes carried by the subflows of an uplink, TLS left out, by direction as this end sees it',
    labelNames: ['uplink', 'direction'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [uplink, { sentBytes, receivedBytes }] of traffic.entries()) {
        this.inc({ uplink, direction: 'sent' }, sentBytes);
        this.inc({ uplink, direction: 'received' }, receivedBytes);
      }
    },
  });
}

function registerSubflowStates(registry: Registry, sessions: Sessions, traffic: TrafficTable): void {
  new Gauge({
    name: 'tributary_subflows',
    help: 'Subflows by uplink and state: active, doubted (silent, its data is sent again elsewhere), parked (its uplink holds up the rest), retiring (one too many)',
    labelNames: ['uplink', 'state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [uplink] of traffic.entries()) {
        for (const state of SUBFLOW_USES) this.set({ uplink, state }, 0);
      }
      for (const subflow of subflowsOf(sessions())) {
        this.inc({ uplink: subflow.uplinkName, state: subflowUse(subflow) });
      }
    },
  });
}

function registerParked(registry: Registry, sessions: Sessions, traffic: TrafficTable): void {
  new Gauge({
    name: 'tributary_uplink_parked',
    help: 'Sessions that leave an uplink out of what they send, by reason: holds_up_the_rest (the numbers are in the log)',
    labelNames: ['uplink', 'reason'],
    registers: [registry],
    collect() {
      this.reset();
      const reason = 'holds_up_the_rest';
      for (const [uplink] of traffic.entries()) this.set({ uplink, reason }, 0);
      for (const { subflows } of sessions()) {
        const parked = subflows.filter(({ isParked }) => isParked);
        for (const uplink of new Set(parked.map(({ uplinkName }) => uplinkName))) {
          this.inc({ uplink, reason });
        }
      }
    },
  });
}

function registerUplinkGauge(
  registry: Registry,
  sessions: Sessions,
  { name, help, value }: UplinkGauge,
): void {
  new Gauge({
    name,
    help,
    labelNames: ['uplink'],
    registers: [registry],
    collect() {
      this.reset();
      const all = subflowsOf(sessions());
      for (const uplink of new Set(all.map(({ uplinkName }) => uplinkName))) {
        const own = all.filter(({ uplinkName }) => uplinkName === uplink);
        const measured = value(uplinkFigures(own));
        if (measured !== undefined) this.set({ uplink }, measured);
      }
    },
  });
}

function registerTotalGauge(registry: Registry, sessions: Sessions, { name, help, value }: TotalGauge): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(sessions().reduce((sum, session) => sum + value(session), 0));
    },
  });
}

/** @returns to be called when a session ends, so that its counts are kept */
function registerReinjection(
  registry: Registry,
  sessions: Sessions,
): (ended: Pick<SessionDriver, 'snapshot'>) => void {
  const finished = { lost: 0, copy: 0, redundant: 0 };
  const add = (sums: typeof finished, { statistics }: SessionSnapshot) => {
    sums.lost += statistics.reinjectedBytes;
    sums.copy += statistics.copiedBytes;
    sums.redundant += statistics.redundantBytes;
  };
  new Counter({
    name: 'tributary_reinjected_bytes_total',
    help: 'Bytes sent more than once: lost (their subflow was doubted or died), copy (head of line, on a second subflow), redundant (on every uplink, as its steering mode wants)',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      this.reset();
      const sums = { ...finished };
      for (const session of sessions()) add(sums, session);
      for (const [kind, bytes] of Object.entries(sums)) this.inc({ kind }, bytes);
    },
  });
  return (ended) => add(finished, ended.snapshot());
}

function subflowsOf(sessions: readonly SessionSnapshot[]): readonly SubflowSnapshot[] {
  return sessions.flatMap(({ subflows }) => subflows);
}
