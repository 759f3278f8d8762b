import type { Destination } from '../destination.ts';
import type { SteeringMode } from '../steering/modes.ts';
import type { DatagramCounters } from './datagram-counters.ts';
import type { PathRecord } from './path/path-record.ts';
import type { PathSnapshot } from './path/path-snapshot.ts';

/** How one flow is now. */
export interface FlowSnapshot {
  readonly flowId: number;
  readonly associationId: number;
  readonly destination: Destination;
  readonly mode: SteeringMode;
  readonly sentDatagrams: number;
  readonly sentBytes: number;
  readonly receivedDatagrams: number;
  readonly receivedBytes: number;
  readonly doubledDatagrams: number;
  readonly resentDatagrams: number;
}

/** How one path is now, in both directions. */
export interface PathEndSnapshot extends PathSnapshot {
  readonly receivedPackets: number;
}

/** How the datagrams of a session are now, for status and metrics. */
export interface DatagramSnapshot {
  /** Whether both ends have it. */
  readonly isOffered: boolean;
  /** What the client may have at once; undefined where it takes no part. */
  readonly limits: { readonly maxFlows: number; readonly maxAssociations: number } | undefined;
  readonly associations: number;
  readonly flowCount: number;
  /** Flows of the peer's that were refused for want of room. */
  readonly refusedFlows: number;
  readonly paths: readonly PathEndSnapshot[];
  /** What the paths of each uplink have met since the session began. */
  readonly records: ReadonlyMap<string, PathRecord>;
  readonly counters: DatagramCounters;
  /** Those that are open. Looked for when it is asked. */
  flows(): readonly FlowSnapshot[];
}
