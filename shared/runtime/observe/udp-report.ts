import type { PathSnapshot, PathState } from '../../protocol/datagram/path/path-snapshot.ts';
import type { SessionDriver } from '../session/session-driver.ts';
import { bitRateText, textTable } from './status-text.ts';

/** What /status tells of how UDP packets pass on an uplink; measured in the direction from this end, null until it is. */
export interface UdpReport {
  readonly state: PathState;
  /** For people. */
  readonly reason: string;
  readonly rttMs: number | null;
  readonly jitterMs: number | null;
  /** Of late, 0 to 1. */
  readonly lossRatio: number;
  /** Packets since the path began. */
  readonly sentPackets: number;
  readonly lostPackets: number;
  readonly deliveredBitsPerSecond: number;
  /** Longest UDP payload that may be sent. */
  readonly packetBytes: number;
}

/** Of several paths the best is told; null where the uplink has none. @param drivers the sessions that are looked at */
export function reportUdp(
  drivers: readonly Pick<SessionDriver, 'snapshot'>[],
  uplinkName: string,
): UdpReport | null {
  const paths = drivers.flatMap((driver) =>
    driver.snapshot().datagrams.paths.filter(({ uplink }) => uplink === uplinkName),
  );
  const [best] = paths.sort((one, other) => BEST_FIRST.indexOf(one.state) - BEST_FIRST.indexOf(other.state));
  return best === undefined ? null : reportOf(best);
}

const BEST_FIRST: readonly PathState[] = ['working', 'late', 'silent', 'unvalidated'];

const REASONS: Readonly<Record<PathState, string>> = {
  working: 'packets pass',
  late: 'answers are late',
  silent: 'no answers any more: flows go over other uplinks, or on its subflows',
  unvalidated:
    'no packet was answered yet: UDP is blocked on the way, or its port at the concentrator is closed; flows go on its subflows',
};

function reportOf(path: PathSnapshot): UdpReport {
  return {
    state: path.state,
    reason: REASONS[path.state],
    rttMs: tenths(path.rttMs),
    jitterMs: tenths(path.jitterMs),
    lossRatio: Math.round(path.lossShare * 10_000) / 10_000,
    sentPackets: path.sentPackets,
    lostPackets: path.lostPackets,
    deliveredBitsPerSecond: Math.round(path.deliveredBytesPerSecond * 8),
    packetBytes: path.maxPacketBytes,
  };
}

function tenths(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10;
}

/** How UDP passes on the uplinks, as a table for a terminal; empty where none has a path. */
export function udpTable(
  uplinks: readonly { readonly name: string; readonly udp: UdpReport | null }[],
): string {
  const rows = uplinks.flatMap(({ name, udp }) => (udp === null ? [] : [udpCells(name, udp)]));
  return rows.length === 0 ? '' : textTable([UDP_HEADS, ...rows]);
}

const UDP_HEADS = ['UPLINK', 'UDP', 'RTT', 'JITTER', 'LOSS', 'RATE', 'PACKET', 'REASON'] as const;

function udpCells(name: string, udp: UdpReport): string[] {
  const { state, rttMs, jitterMs, lossRatio, deliveredBitsPerSecond, packetBytes, reason } = udp;
  return [
    name,
    state,
    rttMs === null ? '-' : `${rttMs} ms`,
    jitterMs === null ? '-' : `${jitterMs} ms`,
    `${Number((lossRatio * 100).toPrecision(2))} %`,
    bitRateText(deliveredBitsPerSecond),
    `${packetBytes} B`,
    reason,
  ];
}
