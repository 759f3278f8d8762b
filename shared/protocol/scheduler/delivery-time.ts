import type { SubflowView, UplinkView } from '../subflow/subflow-view.ts';
import type { SegmentRequest } from './packet-scheduler.ts';

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

/** When the segment would arrive, cut as it would be for this subflow. */
export function segmentTimeMs(view: SubflowView, { lengthBytes }: SegmentRequest): number {
  return deliveryTimeMs(view, Math.min(lengthBytes, view.segmentBytes));
}

/** The view on which the segment would arrive first; undefined only for an empty list. */
export function earliest<View extends SubflowView>(
  views: readonly View[],
  request: SegmentRequest,
): View | undefined {
  return least(views, (view) => segmentTimeMs(view, request));
}

/** Of an uplink's subflows that take data now, the one on which the segment would arrive first. */
export function freeOn<View extends SubflowView>(
  uplink: UplinkView,
  views: readonly View[],
  request: SegmentRequest,
): View | undefined {
  return earliest(
    views.filter((view) => view.uplink === uplink && view.canTake),
    request,
  );
}

/** The view with the least of `cost`; undefined only for an empty list. */
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
