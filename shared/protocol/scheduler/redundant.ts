import type { PacketScheduler, SegmentRequest, SubflowView } from './scheduler.ts';
import { earliest } from './uplink-order.ts';

/** `redundant`: a new segment first goes where it would arrive first; the transmitter repeats it on all other uplinks. */
export class Redundant implements PacketScheduler {
  select<View extends SubflowView>(
    request: SegmentRequest,
    candidates: readonly View[],
    _nowMs: number,
  ): View | undefined {
    return earliest(
      candidates.filter((view) => view.canTake),
      request,
    );
  }

  /** It is on all of them anyway. */
  mayCopy(): boolean {
    return false;
  }
}
