import type { Registry } from 'prom-client';
import type { CountedDatagrams, DatagramTotals } from '../shared/runtime/observe/datagram-totals.ts';
import { registerResultCounter } from '../shared/runtime/observe/result-counter.ts';
import { registerCounter, registerGauge } from '../shared/runtime/observe/scraped-metric.ts';
import type { StrangerCounts } from './datagram/datagram-port.ts';
import type { OriginDatagrams } from './datagram/origin-datagrams.ts';

export interface OriginDatagramMetrics {
  readonly origins: Pick<OriginDatagrams, 'associationCount' | 'flowCount' | 'counts'>;
  readonly strangers: StrangerCounts;
  /** Of the sessions. */
  readonly datagramTotals: DatagramTotals;
  readonly drivers: () => Iterable<CountedDatagrams>;
}

/** Registers what only the concentrator can tell of datagrams: their origins, and packets that belong to nobody. */
export function registerOriginDatagrams(registry: Registry, source: OriginDatagramMetrics): void {
  const { origins, strangers } = source;
  const { counts } = origins;
  registerGauge(registry, {
    name: 'tributary_datagram_associations',
    help: 'Sources of UDP of clients, each with a port here for each address family',
    labelNames: [],
    *samples() {
      yield [{}, origins.associationCount];
    },
  });
  registerGauge(registry, {
    name: 'tributary_datagram_flows',
    help: 'Flows of UDP between clients and origins that are open now',
    labelNames: [],
    *samples() {
      yield [{}, origins.flowCount];
    },
  });
  registerResultCounter(
    registry,
    {
      name: 'tributary_datagram_flow_opens_total',
      help: 'Flows that clients have begun, by result: ok, or the name of the error',
    },
    counts.opens,
  );
  registerCounter(registry, {
    name: 'tributary_datagram_newcomers_total',
    help: 'Flows that were begun here, for what came from a port that no flow led to',
    labelNames: [],
    *samples() {
      yield [{}, counts.begunHere];
    },
  });
  registerTotals(registry, source);
  registerCounter(registry, {
    name: 'tributary_datagram_drops_total',
    help: 'Datagrams to or from origins that were dropped outside of sessions, by reason',
    labelNames: ['reason'],
    *samples() {
      for (const [reason, count] of counts.drops.entries()) yield [{ reason }, count];
    },
  });
  registerCounter(registry, {
    name: 'tributary_datagram_strangers_total',
    help: 'UDP packets at the port of datagrams that belong to no session, by reason: short, unknown',
    labelNames: ['reason'],
    *samples() {
      yield [{ reason: 'short' }, strangers.short];
      yield [{ reason: 'unknown' }, strangers.unknown];
    },
  });
}

function registerTotals(
  registry: Registry,
  { datagramTotals, drivers }: Pick<OriginDatagramMetrics, 'datagramTotals' | 'drivers'>,
): void {
  registerCounter(registry, {
    name: 'tributary_datagrams_total',
    help: 'Datagrams to clients (sent) and of them (received), each once, whatever travelled twice',
    labelNames: ['direction'],
    *samples() {
      const { sentDatagrams = 0, receivedDatagrams = 0 } = datagramTotals.total(drivers()).counters;
      yield [{ direction: 'sent' }, sentDatagrams];
      yield [{ direction: 'received' }, receivedDatagrams];
    },
  });
  registerCounter(registry, {
    name: 'tributary_datagram_bytes_total',
    help: 'Their payload, by direction',
    labelNames: ['direction'],
    *samples() {
      const { sentBytes = 0, receivedBytes = 0 } = datagramTotals.total(drivers()).counters;
      yield [{ direction: 'sent' }, sentBytes];
      yield [{ direction: 'received' }, receivedBytes];
    },
  });
}
