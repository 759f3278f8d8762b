/** What a packet scheduler sees of a subflow. Rates in bytes per second, times in milliseconds. */
export interface SubflowView {
  readonly id: number;
  readonly uplinkName: string;
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
  one: Pick<SubflowView, 'uplinkName' | 'path'>,
  other: Pick<SubflowView, 'uplinkName' | 'path'>,
): boolean {
  return one.uplinkName === other.uplinkName && one.path === other.path;
}

/** The segment that wants a subflow. */
export interface SegmentRequest {
  /** urgent: a new or short stream, one paced by its application, or bytes that were lost elsewhere; bulk: all else. */
  readonly urgency: 'urgent' | 'bulk';
  /** Most bytes that the segment may have. */
  readonly lengthBytes: number;
  /** What the stream may still send before the peer's window closes. */
  readonly windowLeftBytes: number;
  /** All that the stream is expected to send from here on. */
  readonly remainingBytes: number | undefined;
  /** Whether the stream is long enough to find out with what a subflow can. */
  readonly mayProbe: boolean;
  /** For how long the stream has had something to send without a break. */
  readonly waitingMs: number;
}

/** A steering mode's choice of subflow, segment by segment. */
export interface PacketScheduler {
  /**
   * @param candidates subflows that are trusted and that the policy allows, backups only when there is nothing else; never empty
   * @returns the subflow for the segment, one that `canTake` now; undefined to wait for a better one
   */
  select<View extends SubflowView>(
    request: SegmentRequest,
    candidates: readonly View[],
    nowMs: number,
  ): View | undefined;

  /** A segment of so many bytes has gone there. */
  onSent?(subflow: SubflowView, bytes: number): void;

  /** Whether a late segment may be copied there; absent: anywhere. */
  mayCopy?(target: SubflowView): boolean;

  /** Called about once per shortest round trip: whether a closed window held a stream back since the last call. */
  onRound?(wasBlocked: boolean): void;
}

/**
 * When a segment of `lengthBytes` would arrive if it were sent on the subflow now, in milliseconds from now: what is
 * queued there beyond a full pipe, and the segment itself, at the subflow's rate, and one way of propagation.
 */
export function deliveryTimeMs(subflow: SubflowView, lengthBytes: number): number {
  const rate = subflow.rateBytesPerSecond;
  const queuedBytes = Math.max(0, subflow.inFlightBytes - (rate * subflow.minRttMs) / 1000);
  const oneWayMs = subflow.minRttMs / 2;
  // Whichever tells of more delay: our own queue by its bytes, or the round trips of late, which know of others' queues
  // and of a path that has become slow.
  const delayMs = Math.max((queuedBytes * 1000) / rate + oneWayMs, subflow.recentRttMs - oneWayMs);
  return subflow.heldBackMs + delayMs + (lengthBytes * 1000) / rate;
}

/** The subflow with the least of `cost`; undefined only for an empty list. */
export function least<View>(views: readonly View[], cost: (view: View) => number): View | undefined {
  let best: View | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const view of views) {
    const viewCost = cost(view);
    if (viewCost < bestCost) {
      best = view;
      bestCost = viewCost;
    }
  }
  return best;
}
