/** What steering sees of an uplink: the same object for all of its subflows. */
export interface UplinkView {
  readonly name: string;
}

/** What steering sees of a subflow. Rates in bytes per second, times in milliseconds. */
export interface SubflowView {
  readonly id: number;
  readonly uplink: UplinkView;
  /** Which of its uplink's paths it takes. */
  readonly path: number;
  readonly rateBytesPerSecond: number;
  readonly minRttMs: number;
  readonly smoothedRttMs: number;
  /** The smallest of the last few round trips; at least `minRttMs`. */
  readonly recentRttMs: number;
  /** The round trip as it is now, queues included, wherever receipts return. */
  readonly delayMs: number;
  /** The share of packets that were lost of late, 0 to 1; 0 where the kernel does not tell. */
  readonly lossShare: number;
  /** When payload last arrived on it. */
  readonly lastDataMs: number;
  readonly inFlightBytes: number;
  /** How long a rate limit holds back what is sent next. */
  readonly heldBackMs: number;
  /** Whether it has not yet shown what it can: it was never kept busy until its rate stopped growing. */
  readonly isRateGrowing: boolean;
  /** Whether its rate was measured while it was busy, and is no guess. */
  readonly isRateProven: boolean;
  /** Most that one segment has on it. */
  readonly segmentBytes: number;
  /** Whether it came back from a doubt with a much longer round trip than it had. */
  readonly isDegraded: boolean;
  /** Whether it takes data now. One that does not may still be worth waiting for. */
  readonly canTake: boolean;
}

/** Whether the two are on one path of one uplink, and so slow each other down. */
export function shareBottleneck(
  one: Pick<SubflowView, 'uplink' | 'path'>,
  other: Pick<SubflowView, 'uplink' | 'path'>,
): boolean {
  return one.uplink === other.uplink && one.path === other.path;
}
