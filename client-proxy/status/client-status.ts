import type { SubflowsReport } from '../../shared/runtime/observe/subflow-report.ts';
import { reportSubflows, type StatusClocks, timeText } from '../../shared/runtime/observe/subflow-report.ts';
import { reportUdp, type UdpReport } from '../../shared/runtime/observe/udp-report.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { TrafficTable, UplinkTraffic } from '../../shared/runtime/session/uplink-traffic.ts';
import {
  type ConcentratorReport,
  type ConcentratorService,
  drainingCount,
  publishedBy,
  type ReportedConcentrators,
  reportConcentrators,
} from '../concentrators/concentrator-report.ts';
import type { Concentrators } from '../concentrators/concentrators.ts';
import type { ClientMode, PresentUplink } from '../config/client-config.ts';
import type { DatagramRelay } from '../datagram/datagram-relay.ts';
import type { UplinkMeasure } from '../direct/balance/uplink-measure.ts';
import type { DirectConnections } from '../direct/direct-connections.ts';
import type { UplinkSet } from '../discovery/uplink-set.ts';
import type { LastingUplinkStatus } from '../discovery/uplink-states.ts';
import type { Fallback } from '../fallback/fallback.ts';
import type { ApplicationPoints } from '../front/application-points.ts';
import type { FrontDoor } from '../front/front-door.ts';
import type { Meter } from '../metering/meter.ts';
import type { Metering } from '../metering/metering.ts';
import { totalBytes } from '../metering/usage.ts';
import type { UplinkCause } from '../path-manager/uplink-cause.ts';
import type { UplinkState } from '../path-manager/uplink-status.ts';
import type { Steering } from '../steering/steering.ts';
import type { TransparentServer } from '../transparent/transparent-server.ts';
import { clientReadiness, type ReadinessSource } from './client-readiness.ts';
import { type DatagramReport, reportDatagrams } from './datagram-report.ts';
import type { LostConnections } from './lost-connections.ts';

/** What /status tells at the client; docs/observability.md explains each field. Times are those of RFC 3339. */
export interface ClientStatus {
  readonly program: 'tributary-client';
  readonly version: string;
  readonly time: string;
  readonly ready: boolean;
  /** `direct`: there is no concentrator. */
  readonly mode: ClientMode;
  readonly session: {
    /** `lingering`: without a subflow, and waiting for one; `none`: in mode direct. */
    readonly state: 'established' | 'lingering' | 'connecting' | 'none';
    readonly since: string | null;
    readonly streams: number;
    /** Earlier sessions that live until their streams are done. */
    readonly draining: number;
  };
  /** In the order of the configuration; none in mode direct. */
  readonly concentrators: readonly ConcentratorReport[];
  readonly fallback: {
    /** Whether new connections go directly because the concentrator cannot be reached. */
    readonly active: boolean;
    /** How often they have begun to. */
    readonly begun: number;
  };
  readonly datagrams: DatagramReport;
  /** Where applications connect. */
  readonly socksListen: readonly string[];
  readonly socksConnections: number;
  /** Redirected ones. */
  readonly transparentConnections: number;
  readonly steering: { readonly default: string; readonly rules: number; readonly holdingRules: number };
  readonly uplinks: readonly UplinkReport[];
  readonly published: readonly ConcentratorService[];
  /** Interfaces that would be uplinks, and cannot be used. */
  readonly leftOut: readonly { readonly interface: string; readonly reason: string }[];
}

export interface UplinkReport extends SubflowsReport {
  readonly name: string;
  readonly state: UplinkState;
  readonly cause: UplinkCause;
  readonly reason: string;
  readonly since: string;
  readonly backup: boolean;
  /** What a gigabyte costs now, if it is said. */
  readonly costPerGB: number | null;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Connections of applications that ended because this uplink failed, or all of them. */
  readonly lost: number;
  /** How UDP packets pass; null where none are sent. */
  readonly udp: UdpReport | null;
  /** Past the concentrator. */
  readonly direct: {
    readonly connections: number;
    readonly sentBytes: number;
    readonly receivedBytes: number;
    /** How long they take to be made, smoothed, where the uplink was chosen among several. */
    readonly connectMs: number | null;
    /** Highest rate of late, both directions, while they kept the uplink busy. */
    readonly rateBitsPerSecond: number | null;
    /** Whether it is left out of the choice, since it failed where others did not. */
    readonly suspect: boolean;
  };
  readonly rateLimit: {
    readonly upBitsPerSecond: number | null;
    readonly downBitsPerSecond: number | null;
  } | null;
  /** That its usage counts for; null where it is not metered. */
  readonly plan: string | null;
  /** Of the plan, all its uplinks together. */
  readonly metered: readonly MeteredReport[] | null;
}

export interface MeteredReport {
  readonly period: 'day' | 'month';
  readonly from: string;
  readonly until: string;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly capBytes: number | null;
  readonly usedRatio: number | null;
}

/** The parts of the client that its status is read from. */
export interface ClientStatusSource extends StatusClocks, ReadinessSource {
  readonly version: string;
  readonly concentrators: ReportedConcentrators &
    Pick<Concentrators, 'isEstablished' | 'current' | 'drivers'>;
  readonly uplinks: Pick<UplinkSet, 'uplinks' | 'leftOut' | 'whyUnknown'>;
  readonly uplinkStatus: () => readonly LastingUplinkStatus[];
  readonly steering: Pick<Steering, 'config' | 'described'>;
  readonly datagrams: Pick<DatagramRelay, 'associationCount' | 'flowCount'>;
  readonly points: Pick<ApplicationPoints, 'addresses'>;
  readonly front: Pick<FrontDoor, 'counters'>;
  readonly transparent: { readonly server: Pick<TransparentServer, 'counters'> } | undefined;
  readonly traffic: TrafficTable;
  readonly directTraffic: TrafficTable;
  readonly directConnections: Pick<DirectConnections, 'countOf'>;
  /** What is known of an uplink from its direct connections. */
  directMeasure(uplinkName: string): Pick<UplinkMeasure, 'connectMs' | 'rate' | 'isSuspect'>;
  readonly fallback: Pick<Fallback, 'isActive' | 'takesOver' | 'begunCount'>;
  readonly metering: Pick<Metering, 'meters' | 'plans'>;
  readonly counts: { readonly lost: Pick<LostConnections, 'countOf'> };
}

export function clientStatus(source: ClientStatusSource): ClientStatus {
  const { concentrators, uplinks, uplinkStatus, steering } = source;
  const { current, drivers } = concentrators;
  const read: Reading = {
    uplinks: uplinks.uplinks,
    drivers,
    meters: source.metering.meters,
    plans: source.metering.plans,
    traffic: new Map(source.traffic.entries()),
    directTraffic: new Map(source.directTraffic.entries()),
  };
  return {
    program: 'tributary-client',
    version: source.version,
    time: new Date(source.wallClock()).toISOString(),
    ready: clientReadiness(source).ok,
    mode: source.mode,
    session: {
      state: source.mode === 'direct' ? 'none' : stateOf(current),
      since: current === undefined ? null : timeText(current.startedMs, source),
      streams: drivers.reduce((sum, { streamCount }) => sum + streamCount, 0),
      draining: drainingCount(concentrators),
    },
    concentrators: reportConcentrators(concentrators, source),
    fallback: { active: source.fallback.isActive, begun: source.fallback.begunCount },
    datagrams: reportDatagrams(drivers, source.datagrams),
    socksListen: source.points.addresses,
    socksConnections: source.front.counters.active,
    transparentConnections: source.transparent?.server.counters.active ?? 0,
    steering: {
      default: steering.described.default,
      rules: steering.config.rules.length,
      holdingRules: steering.described.holding,
    },
    uplinks: uplinkStatus().map((status) => uplinkReport(status, source, read)),
    published: publishedBy(concentrators),
    leftOut: uplinks.leftOut.map(({ interface: device, reason }) => ({ interface: device, reason })),
  };
}

/** What the reports of all uplinks look things up in. */
interface Reading {
  readonly uplinks: readonly PresentUplink[];
  readonly drivers: readonly SessionDriver[];
  readonly meters: readonly Meter[];
  readonly plans: ReadonlyMap<string, string>;
  readonly traffic: ReadonlyMap<string, UplinkTraffic>;
  readonly directTraffic: ReadonlyMap<string, UplinkTraffic>;
}

function stateOf(current: SessionDriver | undefined): ClientStatus['session']['state'] {
  if (current === undefined) return 'connecting';
  return current.hasSubflow ? 'established' : 'lingering';
}

function uplinkReport(
  { name, state, cause, reason, sinceMs }: LastingUplinkStatus,
  source: ClientStatusSource,
  read: Reading,
): UplinkReport {
  const configured = read.uplinks.find((uplink) => uplink.name === name);
  const plan = read.plans.get(name);
  return {
    name,
    state,
    cause,
    reason,
    since: new Date(sinceMs).toISOString(),
    backup: configured?.backup ?? false,
    costPerGB: configured?.costPerGB ?? null,
    ...(read.traffic.get(name) ?? NOTHING),
    ...reportSubflows(read.drivers, name, source),
    lost: source.counts.lost.countOf(name),
    udp: reportUdp(read.drivers, name),
    direct: {
      connections: source.directConnections.countOf(name),
      ...(read.directTraffic.get(name) ?? NOTHING),
      ...directFigures(source.directMeasure(name)),
    },
    rateLimit: rateLimitReport(configured),
    plan: plan ?? null,
    metered: meteredReport(read.meters.find((meter) => meter.name === plan)),
  };
}

function directFigures({ connectMs, rate, isSuspect }: ReturnType<ClientStatusSource['directMeasure']>) {
  return {
    connectMs: connectMs === undefined ? null : Math.round(connectMs),
    rateBitsPerSecond: rate.measured === undefined ? null : Math.round(rate.measured * 8),
    suspect: isSuspect,
  };
}

function rateLimitReport(uplink: PresentUplink | undefined): UplinkReport['rateLimit'] {
  const { upBytesPerSecond: up = 0, downBytesPerSecond: down = 0 } = uplink?.metered?.rateLimit ?? {};
  if (up === 0 && down === 0) return null;
  return { upBitsPerSecond: up === 0 ? null : up * 8, downBitsPerSecond: down === 0 ? null : down * 8 };
}

function meteredReport(meter: Meter | undefined): UplinkReport['metered'] {
  if (meter === undefined) return null;
  return meter.caps.map(({ kind, usage, capBytes }) => ({
    period: kind,
    from: new Date(usage.startMs).toISOString(),
    until: new Date(usage.endMs).toISOString(),
    sentBytes: usage.sentBytes,
    receivedBytes: usage.receivedBytes,
    capBytes: capBytes ?? null,
    usedRatio: capBytes === undefined ? null : totalBytes(usage) / capBytes,
  }));
}

const NOTHING: UplinkTraffic = { sentBytes: 0, receivedBytes: 0 };
