import type { Registry } from 'prom-client';
import { registerResultCounter } from '../shared/runtime/observe/result-counter.ts';
import { registerCounter, registerGauge } from '../shared/runtime/observe/scraped-metric.ts';
import { registerUplinkBytes } from '../shared/runtime/observe/uplink-bytes.ts';
import type { TrafficTable } from '../shared/runtime/session/uplink-traffic.ts';
import type { ClientCounts } from './client-counts.ts';
import type { UplinkMeasure } from './direct/balance/uplink-measure.ts';
import type { Fallback } from './fallback/fallback.ts';
import type { FrontCounters } from './front/front-door.ts';
import { UPLINK_STATES, type UplinkStatus } from './path-manager/uplink-status.ts';
import { PUBLISHED_STATES, type PublishedServiceReport } from './publish/publisher.ts';

export interface ClientMetricsSource {
  readonly counts: ClientCounts;
  readonly uplinks: () => readonly UplinkStatus[];
  readonly front: () => FrontCounters;
  readonly published: () => readonly PublishedServiceReport[];
  /** Connections from addresses that `socks.allow` has not. */
  readonly refusedByAddress: () => number;
  /** What went past the concentrator. */
  readonly directTraffic: TrafficTable;
  readonly fallback: Pick<Fallback, 'isActive' | 'begunCount'>;
  /** What is known of an uplink from its direct connections. */
  directMeasure(uplinkName: string): Pick<UplinkMeasure, 'connectMs' | 'rate' | 'isSuspect'>;
}

/** Registers what only the client can tell: its uplinks, its dials, its applications. */
export function registerClientMetrics(registry: Registry, source: ClientMetricsSource): void {
  registerUplinks(registry, source);
  registerDials(registry, source);
  registerRequests(registry, source);
  registerDirect(registry, source);
  registerFront(registry, source);
  registerPublished(registry, source);
}

function registerUplinks(registry: Registry, { uplinks, directTraffic }: ClientMetricsSource): void {
  registerGauge(registry, {
    name: 'tributary_uplink_up',
    help: '1 while the uplink carries a subflow',
    labelNames: ['uplink'],
    *samples() {
      for (const { name, isUp } of uplinks()) yield [{ uplink: name }, isUp ? 1 : 0];
    },
  });
  registerGauge(registry, {
    name: 'tributary_uplink_state',
    help: '1 for the state that the uplink is in: in-use, backup, waiting (not dialled before it is needed), doubted (silent), parked (holds up the rest), down, stopped',
    labelNames: ['uplink', 'state'],
    *samples() {
      for (const { name, state: current } of uplinks()) {
        for (const state of UPLINK_STATES) yield [{ uplink: name, state }, state === current ? 1 : 0];
      }
    },
  });
  registerGauge(registry, {
    name: 'tributary_uplink_reason_info',
    help: 'Constant 1, labelled with why the uplink is in its state: none, cap, not-needed, not-dialled, no-session, interface-gone, no-address, subflow-lost, silent, holds-up-the-rest, beyond-limits, small-packets, a finding about the way (no-route, rp-filter, ...), or the name of the error that dialling it met; in full at /status',
    labelNames: ['uplink', 'reason'],
    *samples() {
      for (const { name, cause } of uplinks()) yield [{ uplink: name, reason: cause }, 1];
    },
  });
  registerUplinkBytes(
    registry,
    {
      name: 'tributary_uplink_direct_bytes_total',
      help: 'Bytes carried past the concentrator by an uplink, TCP payload, by direction as the client sees it',
    },
    directTraffic,
    () => uplinks().map(({ name }) => name),
  );
}

function registerDials(registry: Registry, { counts }: ClientMetricsSource): void {
  registerCounter(registry, {
    name: 'tributary_uplink_dials_total',
    help: 'Attempts to bring up a subflow, by uplink and result (ok, failed)',
    labelNames: ['uplink', 'result'],
    *samples() {
      for (const [uplink, { ok, failed }] of counts.dials.entries()) {
        yield [{ uplink, result: 'ok' }, ok];
        yield [{ uplink, result: 'failed' }, failed];
      }
    },
  });
}

function registerRequests(registry: Registry, { counts }: ClientMetricsSource): void {
  registerResultCounter(
    registry,
    {
      name: 'tributary_stream_opens_total',
      help: 'Streams asked for by applications, by result: ok, or the name of the error',
    },
    counts.opens,
  );
  registerResultCounter(
    registry,
    {
      name: 'tributary_direct_opens_total',
      help: 'Connections past the concentrator, by result: ok, or the name of the error',
    },
    counts.directOpens,
  );
  registerResultCounter(
    registry,
    {
      name: 'tributary_binds_total',
      help: 'Connections that applications have waited for (BIND), by result: ok, or the name of the error',
    },
    counts.binds,
  );
  registerResultCounter(
    registry,
    {
      name: 'tributary_lookups_total',
      help: 'Questions of applications for an address or a name (RESOLVE), by result: ok, or the name of the error',
    },
    counts.lookups,
  );
  registerCounter(registry, {
    name: 'tributary_steering_decisions_total',
    help: 'Requests of applications by what the rules have done with them: steer (a stream), direct, block',
    labelNames: ['action'],
    *samples() {
      for (const [action, count] of Object.entries(counts.decisions)) yield [{ action }, count];
    },
  });
}

/** The fallback, and the choice among uplinks for what goes directly. */
function registerDirect(
  registry: Registry,
  { counts, fallback, uplinks, directMeasure }: ClientMetricsSource,
): void {
  registerGauge(registry, {
    name: 'tributary_fallback_active',
    help: '1 while new connections go directly because the concentrator cannot be reached',
    labelNames: [],
    *samples() {
      yield [{}, fallback.isActive ? 1 : 0];
    },
  });
  registerCounter(registry, {
    name: 'tributary_fallbacks_total',
    help: 'How often new connections began to go directly because the concentrator could not be reached',
    labelNames: [],
    *samples() {
      yield [{}, fallback.begunCount];
    },
  });
  registerCounter(registry, {
    name: 'tributary_direct_requests_total',
    help: 'Connections that were asked for and went past the concentrator, by reason: rule, fallback, waited (for a session until the fallback began), mode (there is no concentrator)',
    labelNames: ['reason'],
    *samples() {
      for (const [reason, count] of Object.entries(counts.directReasons)) yield [{ reason }, count];
    },
  });
  registerCounter(registry, {
    name: 'tributary_direct_attempts_total',
    help: 'Attempts to connect directly over an uplink that was chosen among several, by uplink and result: ok, late (another uplink was faster), failed',
    labelNames: ['uplink', 'result'],
    *samples() {
      for (const [uplink, results] of counts.directAttempts.entries())
        for (const [result, count] of Object.entries(results)) yield [{ uplink, result }, count];
    },
  });
  const measured = (
    name: string,
    help: string,
    read: (measure: ReturnType<typeof directMeasure>) => number | undefined,
  ) =>
    registerGauge(registry, {
      name,
      help,
      labelNames: ['uplink'],
      *samples() {
        for (const { name: uplink } of uplinks()) {
          const value = read(directMeasure(uplink));
          if (value !== undefined) yield [{ uplink }, value];
        }
      },
    });
  measured(
    'tributary_uplink_direct_connect_seconds',
    'How long direct connections take to be made over the uplink, smoothed',
    ({ connectMs }) => (connectMs === undefined ? undefined : connectMs / 1_000),
  );
  measured(
    'tributary_uplink_direct_rate_bytes_per_second',
    'Highest rate of late of direct connections that kept the uplink busy, both directions',
    ({ rate }) => rate.measured,
  );
  measured(
    'tributary_uplink_direct_suspect',
    '1 while the uplink is left out of the choice for direct connections, since it failed where others did not',
    ({ isSuspect }) => (isSuspect ? 1 : 0),
  );
}

function registerFront(registry: Registry, { front, refusedByAddress }: ClientMetricsSource): void {
  registerGauge(registry, {
    name: 'tributary_application_connections',
    help: 'Connections of applications that are open now',
    labelNames: [],
    *samples() {
      yield [{}, front().active];
    },
  });
  registerCounter(registry, {
    name: 'tributary_application_accepts_total',
    help: 'Connections of applications, by result: accepted, refused (too many), notAllowed (not in socks.allow)',
    labelNames: ['result'],
    *samples() {
      const { accepted, refused } = front();
      yield [{ result: 'accepted' }, accepted];
      yield [{ result: 'refused' }, refused];
      yield [{ result: 'notAllowed' }, refusedByAddress()];
    },
  });
  registerCounter(registry, {
    name: 'tributary_application_failed_negotiations_total',
    help: 'Connections of applications that never came to a request, by reason',
    labelNames: ['reason'],
    *samples() {
      for (const [reason, count] of Object.entries(front().failedNegotiation)) yield [{ reason }, count];
    },
  });
  registerCounter(registry, {
    name: 'tributary_application_requests_total',
    help: 'Requests of applications, by protocol: socks4, socks5, connect (HTTP CONNECT), http (each plain HTTP request)',
    labelNames: ['protocol'],
    *samples() {
      for (const [protocol, count] of Object.entries(front().requests)) yield [{ protocol }, count];
    },
  });
}

function registerPublished(registry: Registry, { counts, published }: ClientMetricsSource): void {
  registerGauge(registry, {
    name: 'tributary_published_services',
    help: 'Services that are published at the concentrator, by state: listening, refused, waiting',
    labelNames: ['state'],
    *samples() {
      const all = published();
      for (const state of PUBLISHED_STATES) {
        yield [{ state }, all.filter((service) => service.state === state).length];
      }
    },
  });
  registerGauge(registry, {
    name: 'tributary_inbound_connections',
    help: 'Visitors of published services that are connected now',
    labelNames: [],
    *samples() {
      yield [{}, published().reduce((sum, { connections }) => sum + connections, 0)];
    },
  });
  registerResultCounter(
    registry,
    {
      name: 'tributary_inbound_opens_total',
      help: 'Visitors of published services, by result: ok, or the name of the error',
    },
    counts.inbound,
  );
}
