import { earliest } from '../../scheduler/delivery-time.ts';
import type { LimitsOfMode, ModeContext } from '../../scheduler/mode-context.ts';
import type { PacketScheduler, Segment, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import { pathDelayMs } from '../../scheduler/path-delay.ts';
import { Redundancy } from '../../scheduler/redundancy.ts';
import { SteadyChoice } from '../../scheduler/steady-choice.ts';
import type { UplinkLimits } from '../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../scheduler/uplink-order.ts';
import type { SubflowView, UplinkView } from '../../subflow/subflow-view.ts';
import type { LowestLatencyTuning } from './lowest-latency.ts';

/**
 * `redundant`: a new segment first goes where it would arrive first, and is repeated on all other paths. With limits it is
 * repeated only while no uplink is within them; otherwise the first of those that are carries it alone (TS 23.501 section
 * 5.32.8).
 */
export class Redundant implements PacketScheduler {
  readonly repeats: Redundancy;
  readonly #choice: SteadyChoice;
  #limits: UplinkLimits;
  #order: UplinkOrder;
  /** The uplink that carried the last segment alone. */
  #sole: UplinkView | undefined;

  constructor(
    { stream, policy, limits, now }: ModeContext,
    { rivalDelayShare, rivalSlackMs, rivalMs }: LowestLatencyTuning,
  ) {
    this.#limits = limits(RAW_DELAY);
    this.#order = new UplinkOrder(policy.order);
    this.#choice = new SteadyChoice(now, { rivalShare: rivalDelayShare, rivalSlack: rivalSlackMs, rivalMs });
    this.repeats = new Redundancy(stream, (carriers) => this.#soleOf(carriers) === undefined);
  }

  /** Its stream is steered anew in the same mode: what its subflows were given stays true. */
  follow({ policy, limits }: ModeContext): this {
    this.#limits = limits(RAW_DELAY);
    this.#order = new UplinkOrder(policy.order);
    return this;
  }

  select<View extends SubflowView>(request: SegmentRequest, candidates: readonly View[]): View | undefined {
    const sole = this.#soleOf(candidates);
    this.#sole = sole;
    return earliest(
      candidates.filter(({ uplink, canTake }) => canTake && (sole === undefined || uplink === sole)),
      request,
    );
  }

  onSent(subflow: SubflowView, segment: Segment): void {
    this.repeats.onSent(subflow, segment);
  }

  /** What is late elsewhere is copied to the one that carries alone; otherwise it is on all of them anyway. */
  mayCopy({ uplink }: SubflowView): boolean {
    return uplink === this.#sole;
  }

  /** The uplink that carries the stream alone now, if one is good enough. */
  #soleOf(carriers: readonly SubflowView[]): UplinkView | undefined {
    if (!this.#limits.isSet) return undefined;
    const beyond = this.#limits.beyond(carriers);
    const within = carriers.filter(({ uplink }) => !beyond.has(uplink));
    return within.length > 0 ? this.#choice.choose(this.#order.first(within), pathDelayMs) : undefined;
  }
}

/** What other streams have queued there delays this one, too. */
const RAW_DELAY: LimitsOfMode = { delayOf: ({ delayMs }) => delayMs };

/** The first subflow of each path: a second one would share the fate of the first. */
export function oneOfEachPath<View extends SubflowView>(views: readonly View[]): readonly View[] {
  const taken = new Map<UplinkView, Set<number>>();
  return views.filter(({ uplink, path }) => {
    const paths = taken.get(uplink) ?? new Set();
    taken.set(uplink, paths);
    return paths.size < paths.add(path).size;
  });
}
