import { earliest } from '../../scheduler/delivery-time.ts';
import type {
  PacketScheduler,
  Segment,
  SegmentRequest,
  SentStream,
} from '../../scheduler/packet-scheduler.ts';
import { Redundancy } from '../../scheduler/redundancy.ts';
import type { SubflowView, UplinkView } from '../../subflow/subflow-view.ts';

/** `redundant`: a new segment first goes where it would arrive first, and is repeated on all other paths. */
export class Redundant implements PacketScheduler {
  readonly repeats: Redundancy;

  constructor(stream: SentStream) {
    this.repeats = new Redundancy(stream);
  }

  select<View extends SubflowView>(request: SegmentRequest, candidates: readonly View[]): View | undefined {
    return earliest(
      candidates.filter((view) => view.canTake),
      request,
    );
  }

  onSent(subflow: SubflowView, segment: Segment): void {
    this.repeats.onSent(subflow, segment);
  }

  /** It is on all of them anyway. */
  mayCopy(): boolean {
    return false;
  }
}

/** The first subflow of each path: a second one would share the fate of the first. */
export function oneOfEachPath<View extends SubflowView>(views: readonly View[]): readonly View[] {
  const taken = new Map<UplinkView, Set<number>>();
  return views.filter(({ uplink, path }) => {
    const paths = taken.get(uplink) ?? new Set();
    taken.set(uplink, paths);
    return paths.size < paths.add(path).size;
  });
}
