import { Counter, Gauge, type Registry } from 'prom-client';
import { registerResultCounter } from '../shared/runtime/observe/result-counter.ts';
import type { TrafficTable } from '../shared/runtime/session/uplink-traffic.ts';
import { UPLINK_STATES, type UplinkStatus } from './path-manager/uplink-status.ts';
import type { Socks5Counters } from './socks5/socks-server.ts';
import type { SteeringAction } from './steering/steering-rule.ts';

export interface ClientMetrics {
  onDial(uplink: string, result: 'ok' | 'failed'): void;
  onOpen(result: string): void;
  onDirectOpen(result: string): void;
  onDecision(kind: SteeringAction['kind']): void;
}

export interface ClientMetricsSource {
  /** Uplinks that are counted by name; dials of further ones are counted together as `other`. */
  readonly maxUplinks: number;
  readonly uplinks: () => readonly UplinkStatus[];
  readonly socks: () => Socks5Counters;
  /** What went past the concentrator. */
  readonly directTraffic: TrafficTable;
}

/** Registers what only the client can tell: its uplinks, its dials, its SOCKS5 clients. */
export function registerClientMetrics(
  registry: Registry,
  { maxUplinks, uplinks, socks, directTraffic }: ClientMetricsSource,
): ClientMetrics {
  const registers = [registry];
  registerUplinks(registers, uplinks);
  registerSocks(registers, socks);
  registerDirectTraffic(registers, directTraffic);
  return {
    onDial: registerDials(registers, maxUplinks),
    onOpen: registerResultCounter(registry, {
      name: 'tributary_stream_opens_total',
      help: 'Streams asked for by applications, by result: ok, or the name of the error',
    }),
    onDirectOpen: registerResultCounter(registry, {
      name: 'tributary_direct_opens_total',
      help: 'Connections past the concentrator, by result: ok, or the name of the error',
    }),
    onDecision: registerDecisions(registers),
  };
}

type Registers = Registry[];

function registerUplinks(registers: Registers, uplinks: ClientMetricsSource['uplinks']): void {
  new Gauge({
    name: 'tributary_uplink_up',
    help: '1 while the uplink carries a subflow',
    labelNames: ['uplink'],
    registers,
    collect() {
      this.reset();
      for (const { name, isUp } of uplinks()) this.set({ uplink: name }, isUp ? 1 : 0);
    },
  });
  new Gauge({
    name: 'tributary_uplink_state',
    help: '1 for the state that the uplink is in: in-use, backup, waiting (not dialled before it is needed), doubted (silent), parked (holds up the rest), down, stopped',
    labelNames: ['uplink', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { name, state: current } of uplinks()) {
        for (const state of UPLINK_STATES) this.set({ uplink: name, state }, state === current ? 1 : 0);
      }
    },
  });
  new Gauge({
    name: 'tributary_uplink_reason',
    help: 'Constant 1, labelled with why the uplink is in its state: none, cap, not-needed, not-dialled, no-session, no-network, interface-gone, no-address, subflow-lost, silent, holds-up-the-rest, or the name of the error that dialling it met; in full at /status',
    labelNames: ['uplink', 'reason'],
    registers,
    collect() {
      this.reset();
      for (const { name, cause } of uplinks()) this.set({ uplink: name, reason: cause }, 1);
    },
  });
}

function registerSocks(registers: Registers, socks: ClientMetricsSource['socks']): void {
  new Gauge({
    name: 'tributary_socks_connections',
    help: 'SOCKS5 connections that are open now',
    registers,
    collect() {
      this.set(socks().active);
    },
  });
  new Counter({
    name: 'tributary_socks_accepts_total',
    help: 'Connections to the SOCKS5 port, by result: accepted, refused (too many)',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset();
      this.inc({ result: 'accepted' }, socks().accepted);
      this.inc({ result: 'refused' }, socks().refused);
    },
  });
  new Counter({
    name: 'tributary_socks_failed_negotiations_total',
    help: 'SOCKS5 connections that never came to a request, by reason',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(socks().failedNegotiation)) this.inc({ reason }, count);
    },
  });
}

function registerDirectTraffic(registers: Registers, traffic: TrafficTable): void {
  new Counter({
    name: 'tributary_uplink_direct_bytes_total',
    help: 'Bytes carried past the concentrator by an uplink, TCP payload, by direction as the client sees it',
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
}

function registerDials(registers: Registers, maxUplinks: number): ClientMetrics['onDial'] {
  const dialled = new Set<string>();
  const dials = new Counter({
    name: 'tributary_uplink_dials_total',
    help: 'Attempts to bring up a subflow, by uplink and result (ok, failed)',
    labelNames: ['uplink', 'result'],
    registers,
  });
  return (uplink, result) => {
    if (dialled.size < maxUplinks) dialled.add(uplink);
    dials.inc({ uplink: dialled.has(uplink) ? uplink : 'other', result });
  };
}

function registerDecisions(registers: Registers): ClientMetrics['onDecision'] {
  const decisions: Record<SteeringAction['kind'], number> = { steer: 0, direct: 0, block: 0 };
  new Counter({
    name: 'tributary_steering_decisions_total',
    help: 'Requests of applications by what the rules have done with them: steer (a stream), direct, block',
    labelNames: ['action'],
    registers,
    collect() {
      this.reset();
      for (const [action, count] of Object.entries(decisions)) this.inc({ action }, count);
    },
  });
  return (kind) => {
    decisions[kind]++;
  };
}
