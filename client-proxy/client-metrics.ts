import type { Registry } from 'prom-client';
import { registerResultCounter } from '../shared/runtime/observe/result-counter.ts';
import { registerCounter, registerGauge } from '../shared/runtime/observe/scraped-metric.ts';
import { registerUplinkBytes } from '../shared/runtime/observe/uplink-bytes.ts';
import type { TrafficTable } from '../shared/runtime/session/uplink-traffic.ts';
import type { ClientCounts } from './client-counts.ts';
import { UPLINK_STATES, type UplinkStatus } from './path-manager/uplink-status.ts';
import type { Socks5Counters } from './socks5/socks-server.ts';

export interface ClientMetricsSource {
  readonly counts: ClientCounts;
  readonly uplinks: () => readonly UplinkStatus[];
  readonly socks: () => Socks5Counters;
  /** Connections from addresses that `socks.allow` has not. */
  readonly refusedByAddress: () => number;
  /** What went past the concentrator. */
  readonly directTraffic: TrafficTable;
}

/** Registers what only the client can tell: its uplinks, its dials, its SOCKS5 clients. */
export function registerClientMetrics(registry: Registry, source: ClientMetricsSource): void {
  registerUplinks(registry, source);
  registerDials(registry, source);
  registerRequests(registry, source);
  registerSocks(registry, source);
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
    name: 'tributary_uplink_reason',
    help: 'Constant 1, labelled with why the uplink is in its state: none, cap, not-needed, not-dialled, no-session, interface-gone, no-address, subflow-lost, silent, holds-up-the-rest, small-packets, a finding about the way (no-route, rp-filter, ...), or the name of the error that dialling it met; in full at /status',
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

function registerSocks(registry: Registry, { socks, refusedByAddress }: ClientMetricsSource): void {
  registerGauge(registry, {
    name: 'tributary_socks_connections',
    help: 'SOCKS5 connections that are open now',
    labelNames: [],
    *samples() {
      yield [{}, socks().active];
    },
  });
  registerCounter(registry, {
    name: 'tributary_socks_accepts_total',
    help: 'Connections to the SOCKS5 port, by result: accepted, refused (too many), notAllowed (not in socks.allow)',
    labelNames: ['result'],
    *samples() {
      const { accepted, refused } = socks();
      yield [{ result: 'accepted' }, accepted];
      yield [{ result: 'refused' }, refused];
      yield [{ result: 'notAllowed' }, refusedByAddress()];
    },
  });
  registerCounter(registry, {
    name: 'tributary_socks_failed_negotiations_total',
    help: 'SOCKS5 connections that never came to a request, by reason',
    labelNames: ['reason'],
    *samples() {
      for (const [reason, count] of Object.entries(socks().failedNegotiation)) yield [{ reason }, count];
    },
  });
}
