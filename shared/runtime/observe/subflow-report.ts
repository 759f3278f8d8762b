import { formatDestination } from '../../protocol/destination.ts';
import type { SubflowSnapshot } from '../../protocol/session/snapshot.ts';
import type { MonotonicClock, WallClock } from '../clock.ts';
import type { SessionDriver } from '../session/session-driver.ts';
import { type SubflowUse, subflowUse, uplinkFigures } from './uplink-figures.ts';

/** The two clocks of a program: that of its sessions, and milliseconds since 1970. */
export interface StatusClocks {
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
}

/** The time at which the sessions' clock showed `ms`, as in RFC 3339. */
export function timeText(ms: number, { clock, wallClock }: StatusClocks): string {
  return new Date(wallClock() - (clock() - ms)).toISOString();
}

/** Measured in the direction from this end; null until it is. */
interface FiguresReport {
  readonly rttMs: number | null;
  readonly minRttMs: number | null;
  /** How far round trips are apart: their mean deviation. */
  readonly jitterMs: number | null;
  /** The share of packets that the kernel had to send again of late, 0 to 1. */
  readonly lossRatio: number | null;
  readonly rateBitsPerSecond: number | null;
  readonly inFlightBytes: number;
}

/** What /status tells of one subflow. */
export interface SubflowReport extends FiguresReport {
  readonly id: number;
  readonly state: SubflowUse;
  /** Why it is doubted, if it is. */
  readonly reason: string | null;
  readonly backup: boolean;
  /** `ADDRESS:PORT` at this end, and at the other (of an uplink that is a proxy: the proxy's). */
  readonly local: string;
  readonly remote: string;
  readonly since: string;
  readonly congestionControl: string | null;
  /** Frames; TLS left out. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** What /status tells of the subflows of an uplink. */
export interface SubflowsReport extends FiguresReport {
  /** Streams that have bytes from this end in flight here. */
  readonly sendingStreams: number;
  readonly subflows: readonly SubflowReport[];
}

/** @param drivers the sessions that are looked at */
export function reportSubflows(
  drivers: readonly SessionDriver[],
  uplinkName: string,
  clocks: StatusClocks,
): SubflowsReport {
  const own = drivers.flatMap((driver) =>
    driver
      .snapshot()
      .subflows.filter((subflow) => subflow.uplinkName === uplinkName)
      .map((subflow) => ({ driver, subflow })),
  );
  // Stream ids are those of a session.
  const streams = drivers.map((driver) => {
    const sending = own.filter((one) => one.driver === driver);
    return new Set(sending.flatMap(({ subflow }) => [...subflow.sendingStreamIds()])).size;
  });
  return {
    ...figuresOf(own.map(({ subflow }) => subflow)),
    sendingStreams: streams.reduce((sum, count) => sum + count, 0),
    subflows: own.flatMap(({ driver, subflow }) => reportSubflow(driver, subflow, clocks) ?? []),
  };
}

function reportSubflow(
  driver: SessionDriver,
  subflow: SubflowSnapshot,
  clocks: StatusClocks,
): SubflowReport | undefined {
  const link = driver.linkOf(subflow.id);
  if (link === undefined) return undefined;
  return {
    id: subflow.id,
    state: subflowUse(subflow),
    reason: link.doubtReason ?? null,
    backup: subflow.duty === 'backup',
    local: formatDestination(link.local),
    remote: formatDestination(link.remote),
    since: timeText(link.sinceMs, clocks),
    congestionControl: subflow.congestionControl ?? null,
    ...figuresOf([subflow]),
    sentBytes: subflow.sentBytes,
    receivedBytes: subflow.receivedBytes,
  };
}

function figuresOf(subflows: readonly SubflowSnapshot[]): FiguresReport {
  const figures = uplinkFigures(subflows);
  const { rttMs, minRttMs, jitterMs, lossShare, rateBytesPerSecond, inFlightBytes } = figures;
  return {
    rttMs: tenths(rttMs),
    minRttMs: tenths(minRttMs),
    jitterMs: tenths(jitterMs),
    lossRatio: lossShare === undefined ? null : Math.round(lossShare * 10_000) / 10_000,
    rateBitsPerSecond: rateBytesPerSecond === undefined ? null : Math.round(rateBytesPerSecond * 8),
    inFlightBytes,
  };
}

function tenths(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10;
}
