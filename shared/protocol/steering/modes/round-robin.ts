import type { PacketScheduler, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import type { SubflowView } from '../../subflow/subflow-view.ts';

/** `round-robin`: the free subflows in turn, whatever their speed. For study and tests. */
export class RoundRobin implements PacketScheduler {
  #lastId = -1;

  select<View extends SubflowView>(_request: SegmentRequest, candidates: readonly View[]): View | undefined {
    const free = candidates.filter((view) => view.canTake).sort((a, b) => a.id - b.id);
    const chosen = free.find((view) => view.id > this.#lastId) ?? free[0];
    if (chosen !== undefined) this.#lastId = chosen.id;
    return chosen;
  }
}
