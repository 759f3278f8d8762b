import type { SegmentRequest } from '../../../shared/protocol/scheduler/packet-scheduler.ts';
import type { SubflowView, UplinkView } from '../../../shared/protocol/subflow/subflow-view.ts';

const uplinks = new Map<string, UplinkView>();

/** The same object for the same name. */
export function uplinkNamed(name: string): UplinkView {
  const uplink = uplinks.get(name) ?? { name };
  uplinks.set(name, uplink);
  return uplink;
}

/** A subflow as a scheduler sees it: rate in Mbit/s, free unless said otherwise. */
export function view(
  id: number,
  megabitsPerSecond: number,
  minRttMs: number,
  more: {
    inFlightBytes?: number;
    isFree?: boolean;
    isRateGrowing?: boolean;
    isDegraded?: boolean;
    isRateProven?: boolean;
    delayMs?: number;
    lossShare?: number;
    lastDataMs?: number;
    heldBackMs?: number;
    uplink?: UplinkView;
  } = {},
): SubflowView {
  const { heldBackMs = 0, uplink = uplinkNamed(`uplink${id}`) } = more;
  const { inFlightBytes = 0, isFree = true, isRateGrowing = false, isDegraded = false } = more;
  return {
    id,
    uplink,
    path: 0,
    rateBytesPerSecond: (megabitsPerSecond * 1_000_000) / 8,
    minRttMs,
    smoothedRttMs: minRttMs,
    recentRttMs: minRttMs,
    delayMs: more.delayMs ?? minRttMs,
    lossShare: more.lossShare ?? 0,
    lastDataMs: more.lastDataMs ?? 0,
    inFlightBytes,
    heldBackMs,
    isRateGrowing,
    segmentBytes: Number.POSITIVE_INFINITY,
    canTake: isFree,
    isRateProven: more.isRateProven ?? true,
    isDegraded,
  };
}

/** A bulk segment of 16 KB with a wide window and no end in sight. */
export function bulk(more: Partial<SegmentRequest> = {}): SegmentRequest {
  return {
    urgency: 'bulk',
    lengthBytes: 16_000,
    windowLeftBytes: 16_000_000,
    remainingBytes: undefined,
    mayProbe: false,
    unsentBytes: 0,
    waitingMs: 0,
    ...more,
  };
}
