import { Counter, Gauge, type Registry } from 'prom-client';
import type { SessionDriver } from '../session/session-driver.ts';
import type { TrafficTable } from '../session/uplink-traffic.ts';
import { SUBFLOW_USES, subflowUse, type UplinkFigures, uplinkFigures } from './uplink-figures.ts';

export interface SessionMetricsSource {
  /** The sessions that live now. */
  readonly drivers: () => Iterable<SessionDriver>;
  readonly traffic: TrafficTable;
}

const UPLINK = ['uplink'];

/**
 * Registers what both programs tell of their sessions: bytes per uplink and direction, subflows by state, round trip
 * times, rates, streams, reinjection, reorder buffers. Values are read when they are scraped.
 *
 * @returns to be called when a session ends, so that its counts are kept
 */
export function registerSessionMetrics(
  registry: Registry,
  { drivers, traffic }: SessionMetricsSource,
): (ended: SessionDriver) => void {
  const registers = [registry];
  const finished = { reinjected: 0, copied: 0, redundant: 0 };

  new Counter({
    name: 'tributary_uplink_bytes_total',
    help: 'Bytes carried by the subflows of an uplink, TLS left out, by direction as this end sees it',
    labelNames: ['uplink', 'direction'],
    registers,
    collect() {
      this.reset();
      for (const [uplink, { sentBytes, receivedBytes }] of traffic.entries()) {
        this.inc({ uplink, direction: 'sent' }, sentBytes);
        this.inc({ uplink, direction: 'received' }, receivedBytes);
      }
    },
  });
  new Gauge({
    name: 'tributary_subflows',
    help: 'Subflows by uplink and state: active, doubted (silent, its data is sent again elsewhere), parked (its uplink holds up the rest), retiring (one too many)',
    labelNames: ['uplink', 'state'],
    registers,
    collect() {
      this.reset();
      for (const [uplink] of traffic.entries()) {
        for (const state of SUBFLOW_USES) this.set({ uplink, state }, 0);
      }
      for (const subflow of subflows()) this.inc({ uplink: subflow.uplinkName, state: subflowUse(subflow) });
    },
  });
  new Gauge({
    name: 'tributary_uplink_parked',
    help: 'Sessions that leave an uplink out of what they send, by reason: holds_up_the_rest (the numbers are in the log)',
    labelNames: ['uplink', 'reason'],
    registers,
    collect() {
      this.reset();
      const reason = 'holds_up_the_rest';
      for (const [uplink] of traffic.entries()) this.set({ uplink, reason }, 0);
      for (const driver of drivers()) {
        const parked = driver.snapshot().subflows.filter(({ isParked }) => isParked);
        for (const uplink of new Set(parked.map(({ uplinkName }) => uplinkName)))
          this.inc({ uplink, reason });
      }
    },
  });
  perUplink(
    'tributary_uplink_rtt_seconds',
    'Smoothed round trip time of an uplink, from receipts',
    ({ rttMs }) => rttMs && rttMs / 1000,
  );
  perUplink(
    'tributary_uplink_min_rtt_seconds',
    'Smallest round trip time of an uplink, from receipts',
    ({ minRttMs }) => minRttMs && minRttMs / 1000,
  );
  perUplink(
    'tributary_uplink_delivery_rate_bytes_per_second',
    'What an uplink delivered of late while it was kept busy, in the direction from this end',
    ({ rateBytesPerSecond = 0 }) => rateBytesPerSecond,
  );
  perUplink(
    'tributary_uplink_in_flight_bytes',
    'Bytes written to the subflows of an uplink and not receipted',
    ({ inFlightBytes }) => inFlightBytes,
  );
  total('tributary_sessions', 'Sessions that live now', () => 1);
  total('tributary_streams', 'Streams that are open now', ({ streamCount }) => streamCount);
  total(
    'tributary_reorder_buffer_bytes',
    'Bytes that wait for a hole to be filled',
    (driver) => driver.snapshot().reorderBytes,
  );
  new Counter({
    name: 'tributary_reinjected_bytes_total',
    help: 'Bytes sent more than once: lost (their subflow was doubted or died), copy (head of line, on a second subflow), redundant (on every uplink, as its steering mode wants)',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      let { reinjected, copied, redundant } = finished;
      for (const driver of drivers()) {
        const { statistics } = driver.snapshot();
        reinjected += statistics.reinjectedBytes;
        copied += statistics.copiedBytes;
        redundant += statistics.redundantBytes;
      }
      this.inc({ kind: 'lost' }, reinjected);
      this.inc({ kind: 'copy' }, copied);
      this.inc({ kind: 'redundant' }, redundant);
    },
  });

  return (ended) => {
    const { statistics } = ended.snapshot();
    finished.reinjected += statistics.reinjectedBytes;
    finished.copied += statistics.copiedBytes;
    finished.redundant += statistics.redundantBytes;
  };

  function subflows() {
    return [...drivers()].flatMap((driver) => driver.snapshot().subflows);
  }

  /** @param value undefined until it is measured */
  function perUplink(
    name: string,
    help: string,
    value: (figures: UplinkFigures) => number | undefined,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: UPLINK,
      registers,
      collect() {
        this.reset();
        const all = subflows();
        for (const uplink of new Set(all.map(({ uplinkName }) => uplinkName))) {
          const own = all.filter(({ uplinkName }) => uplinkName === uplink);
          const measured = value(uplinkFigures(own));
          if (measured !== undefined) this.set({ uplink }, measured);
        }
      },
    });
  }

  function total(name: string, help: string, value: (driver: SessionDriver) => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        let sum = 0;
        for (const driver of drivers()) sum += value(driver);
        this.set(sum);
      },
    });
  }
}
