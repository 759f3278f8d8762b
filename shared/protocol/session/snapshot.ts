import type { DatagramSnapshot } from '../datagram/datagram-snapshot.ts';
import type { LeavingPolicy } from '../steering/session-steering.ts';
import type { Duty } from '../subflow/subflow-duty.ts';
import type { SubflowState } from '../subflow/subflow-state.ts';
import type { Uplink } from '../uplink/uplink.ts';
import type { SessionSubflow } from './sent-item.ts';
import type { SessionStreams } from './session-streams.ts';
import type { TransmitStatistics } from './transmit-statistics.ts';

/** Counts of a session since it began. */
export interface SessionStatistics extends TransmitStatistics {
  /** Payload bytes received, repeats included. */
  readonly receivedBytes: number;
}

/** How one subflow is now. Rates and round trip times are those of the direction from this end. */
export interface SubflowSnapshot {
  readonly id: number;
  readonly uplinkName: string;
  readonly state: SubflowState;
  readonly duty: Duty;
  /** Its uplink holds up the others, and carries nothing that anybody waits for. */
  readonly isParked: boolean;
  readonly congestionControl: string | undefined;
  /** What its uplink may carry from this end, bytes per second on the wire; undefined for no limit. */
  readonly limitBytesPerSecond: number | undefined;
  readonly isMetered: boolean;
  /** Whether the round trip times are measured, and no guess. */
  readonly isMeasured: boolean;
  readonly smoothedRttMs: number;
  readonly minRttMs: number;
  /** How far round trips are apart: their mean deviation. */
  readonly jitterMs: number;
  /** The share of packets that the kernel had to send again of late, 0 to 1; undefined where it does not tell. */
  readonly lossShare: number | undefined;
  /** What was delivered while it was kept busy; 0 while that is not known. */
  readonly bytesPerSecond: number;
  /** Written and not receipted, and the most that may be. */
  readonly inFlightBytes: number;
  readonly inFlightLimitBytes: number;
  readonly framesUnderWay: number;
  /** For how long no receipt had come, when the session had its last input. It begins with 0. */
  readonly sinceHeardMs: number;
  /** Frames written to it and parsed from it since it began. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** The streams that have bytes from this end in flight on it. Looked for when it is asked, in all that is under way then. */
  sendingStreamIds(): ReadonlySet<number>;
}

/** What of it is plain data. */
export type SubflowFigures = Omit<SubflowSnapshot, 'sendingStreamIds'>;

/** How one uplink is now. */
export interface UplinkSnapshot {
  readonly name: string;
  /** How much of what it can carry is made use of, 0 to 1, in the direction where it is more. */
  readonly utilization: number;
  /** Why streams of this end leave it out by their limits, if any does. Looked for when it is asked. */
  leftOut(): LeftOut | undefined;
}

/** An uplink that is beyond the limits of policies, or was a moment ago. */
export interface LeftOut {
  /** At least one. */
  readonly policies: readonly LeavingPolicy[];
  /** Of the best of its subflows: the round trip as it is now, and the share of packets that were lost of late. */
  readonly delayMs: number;
  readonly lossShare: number;
}

/** How a session is now, for status and metrics. */
export interface SessionSnapshot {
  /** It has ended, and its owner forgets it at its next turn. */
  readonly isClosed: boolean;
  readonly streamCount: number;
  readonly subflows: readonly SubflowSnapshot[];
  readonly uplinks: readonly UplinkSnapshot[];
  readonly statistics: SessionStatistics;
  /** Bytes that wait in reorder buffers. */
  readonly reorderBytes: number;
  /** The uplinks of streams that may use no others; those of equal policies may be told once. */
  readonly boundTo: readonly (readonly string[])[];
  readonly datagrams: DatagramSnapshot;
}

export function uplinkSnapshot(
  uplink: Uplink,
  subflows: readonly SessionSubflow[],
  streams: Pick<SessionStreams, 'leaving'>,
): UplinkSnapshot {
  const { name, utilization } = uplink;
  const leftOut = (): LeftOut | undefined => {
    const own = subflows.filter((subflow) => subflow.uplink === uplink && subflow.state === 'active');
    const policies = own.length === 0 ? [] : streams.leaving(uplink);
    if (policies.length === 0) return undefined;
    const least = (figure: (subflow: SessionSubflow) => number) => Math.min(...own.map(figure));
    return {
      policies,
      delayMs: least(({ delayMs }) => delayMs),
      lossShare: least(({ lossShare }) => lossShare),
    };
  };
  return { name, utilization: utilization.share, leftOut };
}

export function subflowSnapshot(subflow: SessionSubflow): SubflowSnapshot {
  const { id, uplink, state, duty, congestionControl, meter, congestion, outbox, receipts } = subflow;
  return {
    id,
    uplinkName: uplink.name,
    state,
    duty: duty.value,
    isParked: uplink.isParked,
    congestionControl,
    limitBytesPerSecond: uplink.bucket?.bytesPerSecond,
    isMetered: uplink.isMetered,
    isMeasured: meter.rtt.isMeasured,
    smoothedRttMs: meter.rtt.smoothedMs,
    minRttMs: meter.minRttMs,
    jitterMs: meter.kernel?.rttVarMs ?? meter.rtt.varianceMs,
    lossShare: meter.kernel === undefined ? undefined : meter.lossShare,
    bytesPerSecond: congestion.bytesPerSecond,
    inFlightBytes: outbox.ledger.inFlightBytes,
    inFlightLimitBytes: congestion.inFlightLimitBytes,
    framesUnderWay: outbox.ledger.length,
    sinceHeardMs: subflow.liveness.sinceHeardMs,
    sentBytes: outbox.ledger.writtenBytes,
    receivedBytes: receipts.parsedBytes,
    sendingStreamIds: () => sendingStreamIds(subflow),
  };
}

function sendingStreamIds({ outbox }: SessionSubflow): Set<number> {
  const ids = new Set<number>();
  for (const { item } of outbox.ledger.oldestEntries()) if (item.kind === 'data') ids.add(item.stream.id);
  return ids;
}
