import type { UdpReport } from '../../shared/runtime/observe/udp-report.ts';
import type { ConcentratorReport } from '../concentrators/concentrator-report.ts';
import type { HeldChange } from '../config/config-changes.ts';
import type { ClientStatus, MeteredReport, UplinkReport } from '../status/client-status.ts';
import type { UplinkRate } from './history/rate-series.ts';
import type { UplinkHistory } from './history/uplink-history.ts';

/** What the page shows now. Rates are bits per second, times milliseconds since 1970. */
export interface PageView {
  /** When the last second ended that the history has. */
  readonly timeMs: number;
  readonly version: string;
  readonly ready: boolean;
  readonly mode: ClientStatus['mode'];
  readonly session: ClientStatus['session']['state'];
  readonly sessionSinceMs: number | null;
  /** Whether new connections go directly because the concentrator cannot be reached. */
  readonly isFallback: boolean;
  /** How connections are steered for which no rule says otherwise. */
  readonly steering: string;
  /** Changes that the next start forgets. */
  readonly held: readonly HeldChange[];
  /** Connections of applications, whatever way they go. */
  readonly connections: number;
  readonly uplinks: readonly UplinkView[];
  readonly sum: UplinkRate;
  /** What the best uplink alone would have given of the sum; null while nothing is carried. */
  readonly best: { readonly down: BestUplink | null; readonly up: BestUplink | null };
  /** Where there are several. */
  readonly concentrators: readonly ConcentratorView[];
  readonly leftOut: ClientStatus['leftOut'];
  readonly plans: readonly PlanView[];
}

/** One of several concentrators. */
export interface ConcentratorView
  extends Pick<ConcentratorReport, 'name' | 'state' | 'sessions' | 'roundTripMs' | 'lossRatio' | 'reason'> {
  readonly isChosen: boolean;
  /** Only kept ready. */
  readonly isStanding: boolean;
  /** Of its session; null while there is none. */
  readonly sinceMs: number | null;
  /** Connections, and flows of datagrams. */
  readonly connections: number;
}

/** A contract, and what it has used. */
export interface PlanView {
  readonly name: string;
  readonly caps: readonly CapView[];
}

export interface UplinkView extends UplinkRate {
  readonly name: string;
  readonly state: UplinkReport['state'];
  readonly cause: UplinkReport['cause'];
  readonly reason: string;
  readonly sinceMs: number;
  readonly isBackup: boolean;
  /** Smoothed, queues included; how long connections take to be made, where there is no session. Null until measured. */
  readonly rttMs: number | null;
  readonly minRttMs: number | null;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Connections past the concentrator. */
  readonly directConnections: number;
  /** Of late, 0 to 1, and how far round trips are apart; of what this end sends, by UDP packets and TCP. Null until known. */
  readonly lossRatio: number | null;
  readonly jitterMs: number | null;
  /** How UDP packets pass; null where none are sent. */
  readonly udp: { readonly state: UdpReport['state']; readonly reason: string } | null;
  /** Connections of applications that it may have cost since the program began. */
  readonly lost: number;
  readonly caps: readonly CapView[];
}

export interface CapView {
  readonly period: MeteredReport['period'];
  readonly usedBytes: number;
  readonly capBytes: number | null;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The best uplink of one direction. */
interface BestUplink {
  readonly name: string;
  readonly bitsPerSecond: number;
}

/** Below it there is nothing to compare, only what keeps subflows alive. */
const LEAST_COMPARED_BITS_PER_SECOND = 200_000;

/** An uplink in another state would carry nothing now. */
const WORKS: ReadonlySet<UplinkReport['state']> = new Set(['in-use', 'backup', 'waiting']);

export function pageView(
  status: ClientStatus,
  history: UplinkHistory,
  held: readonly HeldChange[] = [],
): PageView {
  const uplinks = status.uplinks.map((uplink) => uplinkView(uplink, history.rateOf(uplink.name)));
  const sum = { down: sumOf(uplinks, 'down'), up: sumOf(uplinks, 'up') };
  return {
    timeMs: history.lastMs,
    version: status.version,
    ready: status.ready,
    mode: status.mode,
    session: status.session.state,
    sessionSinceMs: status.session.since === null ? null : Date.parse(status.session.since),
    isFallback: status.fallback.active,
    steering: status.steering.default,
    held,
    connections: status.socksConnections + status.transparentConnections,
    uplinks,
    sum,
    best: {
      down: bestOf(status.uplinks, sum.down, ({ name }) => history.peakOf(name).down),
      // Only of what this end sends is the rate of delivery known here.
      up: bestOf(status.uplinks, sum.up, ({ name, rateBitsPerSecond }) =>
        Math.max(history.peakOf(name).up, rateBitsPerSecond ?? 0),
      ),
    },
    concentrators: status.concentrators.length < 2 ? [] : status.concentrators.map(concentratorView),
    leftOut: status.leftOut,
    plans: plansOf(status.uplinks),
  };
}

function concentratorView(report: ConcentratorReport): ConcentratorView {
  const { name, state, sessions, roundTripMs, lossRatio, reason, since, streams, flows } = report;
  return {
    ...{ name, state, sessions, roundTripMs, lossRatio, reason },
    ...{ isChosen: report.chosen, isStanding: report.standing },
    sinceMs: since === null ? null : Date.parse(since),
    connections: streams + flows,
  };
}

function plansOf(uplinks: readonly UplinkReport[]): readonly PlanView[] {
  const plans = new Map<string, PlanView>();
  for (const { plan, metered } of uplinks)
    if (plan !== null) plans.set(plan, { name: plan, caps: capsOf(metered) });
  return [...plans.values()];
}

function capsOf(metered: UplinkReport['metered']): readonly CapView[] {
  return (metered ?? []).map(({ period, sentBytes, receivedBytes, capBytes, from, until }) => ({
    ...{ period, capBytes },
    usedBytes: sentBytes + receivedBytes,
    fromMs: Date.parse(from),
    untilMs: Date.parse(until),
  }));
}

function uplinkView(uplink: UplinkReport, rate: UplinkRate): UplinkView {
  const { name, state, cause, reason, since, backup, direct, metered, minRttMs, udp, lost } = uplink;
  return {
    ...{ name, state, cause, reason, minRttMs },
    ...{ down: Math.round(rate.down), up: Math.round(rate.up) },
    sinceMs: Date.parse(since),
    isBackup: backup,
    rttMs: uplink.rttMs ?? direct.connectMs,
    sentBytes: uplink.sentBytes + direct.sentBytes,
    receivedBytes: uplink.receivedBytes + direct.receivedBytes,
    directConnections: direct.connections,
    ...qualityOf(uplink),
    udp: udp === null ? null : { state: udp.state, reason: udp.reason },
    lost,
    caps: capsOf(metered),
  };
}

/** UDP packets tell more where they pass: TCP hides what is lost behind what it sends again. */
function qualityOf({ udp, lossRatio, jitterMs }: UplinkReport): Pick<UplinkView, 'lossRatio' | 'jitterMs'> {
  if (udp === null || udp.jitterMs === null) return { lossRatio, jitterMs };
  return { lossRatio: Math.max(udp.lossRatio, lossRatio ?? 0), jitterMs: udp.jitterMs };
}

function sumOf(uplinks: readonly UplinkRate[], direction: keyof UplinkRate): number {
  return uplinks.reduce((sum, uplink) => sum + uplink[direction], 0);
}

/** Alone, the best uplink would have carried what it can, and no more than was asked of all. */
function bestOf(
  uplinks: readonly UplinkReport[],
  sum: number,
  ability: (uplink: UplinkReport) => number,
): BestUplink | null {
  if (sum < LEAST_COMPARED_BITS_PER_SECOND) return null;
  let best: BestUplink | null = null;
  for (const uplink of uplinks) {
    if (!WORKS.has(uplink.state)) continue;
    const bitsPerSecond = Math.round(Math.min(sum, ability(uplink)));
    if (bitsPerSecond > (best?.bitsPerSecond ?? 0)) best = { name: uplink.name, bitsPerSecond };
  }
  return best;
}
