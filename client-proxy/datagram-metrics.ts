import type { Registry } from 'prom-client';
import { registerResultCounter } from '../shared/runtime/observe/result-counter.ts';
import { registerCounter, registerGauge } from '../shared/runtime/observe/scraped-metric.ts';
import type { ClientCounts } from './client-counts.ts';
import type { DatagramRelay } from './datagram/datagram-relay.ts';

/** Registers what is counted of datagrams of applications. */
export function registerDatagramMetrics(
  registry: Registry,
  { associates, datagrams }: Pick<ClientCounts, 'associates' | 'datagrams'>,
  open: Pick<DatagramRelay, 'associationCount' | 'flowCount'>,
): void {
  registerGauge(registry, {
    name: 'tributary_datagram_associations',
    help: 'Applications that send and receive datagrams now: UDP associations that are open',
    labelNames: [],
    *samples() {
      yield [{}, open.associationCount];
    },
  });
  registerGauge(registry, {
    name: 'tributary_datagram_flows',
    help: 'Destinations that applications exchange datagrams with now, whichever way they go',
    labelNames: [],
    *samples() {
      yield [{}, open.flowCount];
    },
  });
  registerResultCounter(
    registry,
    {
      name: 'tributary_datagram_associates_total',
      help: 'UDP associations that applications asked for, by result: ok, or the name of an error',
    },
    associates,
  );
  registerCounter(registry, {
    name: 'tributary_datagram_decisions_total',
    help: 'Flows of datagrams that were begun, by what the rules have decided: steer, direct, block',
    labelNames: ['action'],
    *samples() {
      for (const [action, count] of Object.entries(datagrams.flows)) yield [{ action }, count];
    },
  });
  registerCounter(registry, {
    name: 'tributary_datagrams_total',
    help: 'Datagrams of applications (sent) and for them (received)',
    labelNames: ['direction'],
    *samples() {
      yield [{ direction: 'sent' }, datagrams.sent.datagrams];
      yield [{ direction: 'received' }, datagrams.received.datagrams];
    },
  });
  registerCounter(registry, {
    name: 'tributary_datagram_bytes_total',
    help: 'Payload bytes of datagrams of applications (sent) and for them (received)',
    labelNames: ['direction'],
    *samples() {
      yield [{ direction: 'sent' }, datagrams.sent.bytes];
      yield [{ direction: 'received' }, datagrams.received.bytes];
    },
  });
  registerCounter(registry, {
    name: 'tributary_datagram_drops_total',
    help: 'Datagrams of applications, or for them, that were dropped at this end before or after the session, by reason',
    labelNames: ['reason'],
    *samples() {
      for (const [reason, count] of Object.entries(datagrams.drops)) yield [{ reason }, count];
    },
  });
  registerCounter(registry, {
    name: 'tributary_datagram_displaced_total',
    help: 'Flows, and associations with the concentrator, that were ended for newer ones since there were too many',
    labelNames: ['what'],
    *samples() {
      yield [{ what: 'flow' }, datagrams.displacedFlows];
      yield [{ what: 'association' }, datagrams.displacedAssociations];
    },
  });
}
