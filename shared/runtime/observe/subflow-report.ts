import { formatDestination } from '../../protocol/destination.ts';
import type { SessionSubflow } from '../../protocol/session/sent-item.ts';
import type { Stream } from '../../protocol/stream/stream.ts';
import type { MonotonicClock } from '../session/clock.ts';
import type { SessionDriver } from '../session/session-driver.ts';
import { type SubflowUse, subflowUse, uplinkFigures } from './uplink-figures.ts';

/** The two clocks of a program: that of its sessions, and milliseconds since 1970. */
export interface StatusClocks {
  readonly clock: MonotonicClock;
  readonly wallClock: () => number;
}

/** The time at which the sessions' clock showed `ms`, as in RFC 3339. */
export function timeText(ms: number, { clock, wallClock }: StatusClocks): string {
  return new Date(wallClock() - (clock() - ms)).toISOString();
}

/** Measured in the direction from this end; null until it is. */
interface FiguresReport {
  readonly rttMs: number | null;
  readonly minRttMs: number | null;
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
    driver.session.subflows
      .filter((subflow) => subflow.uplinkName === uplinkName)
      .map((subflow) => ({ driver, subflow })),
  );
  const subflows = own.map(({ subflow }) => subflow);
  return {
    ...figuresOf(subflows),
    sendingStreams: countStreams(subflows),
    subflows: own.flatMap(({ driver, subflow }) => reportSubflow(driver, subflow, clocks) ?? []),
  };
}

function reportSubflow(
  driver: SessionDriver,
  subflow: SessionSubflow,
  clocks: StatusClocks,
): SubflowReport | undefined {
  const link = driver.linkOf(subflow.id);
  if (link === undefined) return undefined;
  return {
    id: subflow.id,
    state: subflowUse(subflow),
    reason: link.doubtReason ?? null,
    backup: subflow.isBackup,
    local: formatDestination(link.local),
    remote: formatDestination(link.remote),
    since: timeText(link.sinceMs, clocks),
    congestionControl: subflow.congestionControl ?? null,
    ...figuresOf([subflow]),
    sentBytes: subflow.ledger.writtenBytes,
    receivedBytes: subflow.receipts.parsedBytes,
  };
}

function figuresOf(subflows: readonly SessionSubflow[]): FiguresReport {
  const { rttMs, minRttMs, rateBytesPerSecond, inFlightBytes } = uplinkFigures(subflows);
  return {
    rttMs: tenths(rttMs),
    minRttMs: tenths(minRttMs),
    rateBitsPerSecond: rateBytesPerSecond === undefined ? null : Math.round(rateBytesPerSecond * 8),
    inFlightBytes,
  };
}

function tenths(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10;
}

function countStreams(subflows: readonly SessionSubflow[]): number {
  const streams = new Set<Stream>();
  for (const { ledger } of subflows) {
    for (const { item } of ledger.oldestEntries()) if (item.kind === 'data') streams.add(item.stream);
  }
  return streams.size;
}
