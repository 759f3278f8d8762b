/** `late`: feedback is late, by little; `silent`: by more, flows leave it. */
export type PathState = 'unvalidated' | 'working' | 'late' | 'silent';

/** How one path is now, for status and metrics: of what this end sends on it. */
export interface PathSnapshot {
  readonly path: number;
  readonly uplink: string;
  readonly state: PathState;
  /** Undefined before the first feedback. */
  readonly rttMs: number | undefined;
  readonly jitterMs: number | undefined;
  /** Of late, 0 to 1. */
  readonly lossShare: number;
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly lostPackets: number;
  readonly deliveredBytesPerSecond: number;
  readonly maxPacketBytes: number;
}
