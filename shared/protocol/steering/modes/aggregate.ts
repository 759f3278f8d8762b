import { AHEAD_TUNING, aheadBytes } from '../../scheduler/ahead.ts';
import { deliveryTimeMs, earliest, least, segmentTimeMs } from '../../scheduler/delivery-time.ts';
import type { ModeContext } from '../../scheduler/mode-context.ts';
import type { PacketScheduler, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import { pathDelayMs } from '../../scheduler/path-delay.ts';
import type { UplinkLimits } from '../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../scheduler/uplink-order.ts';
import { type SubflowView, shareBottleneck } from '../../subflow/subflow-view.ts';

export interface AggregateTuning {
  /** BLEST's lambda: the gate's margin, larger after head-of-line blocking, smaller without it. */
  readonly minLambda: number;
  readonly maxLambda: number;
  readonly lambdaStepUp: number;
  readonly lambdaStepDown: number;
  /** A degraded subflow carries data nevertheless when the others would take this many times as long, */
  readonly degradedTimeRatio: number;
  /** or when it is known to add much: more than this share of their rate. */
  readonly muchRateShare: number;
  /** than this one, where none of them loses more than such a share of its packets. */
  readonly someRateShare: number;
  readonly muchLoss: number;
}

export const AGGREGATE_TUNING: AggregateTuning = {
  minLambda: 1.0,
  maxLambda: 1.3,
  lambdaStepUp: 0.04,
  lambdaStepDown: 0.01,
  degradedTimeRatio: 2,
  muchRateShare: 0.25,
  someRateShare: 0.08,
  muchLoss: 0.002,
};

/**
 * `aggregate`: each segment goes where it would arrive first.
 *
 * Urgent segments wait for the best subflow when it is busy (ECF, CoNEXT 2017). Bulk also takes slower ones, as long as
 * the segment would not be the one that closes the window for the fast ones (BLEST, IFIP Networking 2016), and, where
 * the stream's end is known, as long as the rest would not arrive earlier by waiting. Those with a much longer round trip
 * are given what lies far ahead in a long stream, so that it arrives in time; one of them that adds little is given
 * nothing else. One that has just become much slower gets nothing, unless it adds much: the little that it carries is not
 * worth the stop until its first segment arrives.
 */
export class Aggregate implements PacketScheduler {
  readonly #tuning: AggregateTuning;
  #lambda: number;

  constructor(tuning: AggregateTuning) {
    this.#tuning = tuning;
    this.#lambda = tuning.minLambda;
  }

  select<View extends SubflowView>(request: SegmentRequest, all: readonly View[]): View | undefined {
    const candidates = worthConsidering(all, request, this.#tuning);
    const best = earliest(candidates, request)!;
    const probed = request.mayProbe ? this.#unproven(request, candidates, best) : undefined;
    if (probed !== undefined) return probed;
    if (best.canTake) return best;
    if (request.urgency === 'urgent') return undefined;
    const fastest = least(candidates, (view) => -view.rateBytesPerSecond)!;
    const free = candidates.filter((view) => view.canTake);
    const next = earliest(free, request);
    if (next === undefined) return undefined;
    if (shareBottleneck(next, fastest)) return next;
    return this.#passesGate(request, next, best, fastest, candidates) ? next : undefined;
  }

  skipBytes(target: SubflowView, candidates: readonly SubflowView[]): number {
    return aheadBytes(target, candidates, AHEAD_TUNING);
  }

  onRound(wasBlocked: boolean): void {
    const { minLambda, maxLambda, lambdaStepUp, lambdaStepDown } = this.#tuning;
    this.#lambda = wasBlocked
      ? Math.min(maxLambda, this.#lambda + lambdaStepUp)
      : Math.max(minLambda, this.#lambda - lambdaStepDown);
  }

  /**
   * A free subflow whose rate still grows: a long stream finds out what it can, or one that is enough by itself would
   * keep the others idle for ever.
   */
  #unproven<View extends SubflowView>(
    request: SegmentRequest,
    candidates: readonly View[],
    best: View,
  ): View | undefined {
    const growing = candidates.filter((view) => view.isRateGrowing && view.canTake);
    const next = earliest(growing, request);
    const fastest = least(candidates, (view) => -view.rateBytesPerSecond)!;
    if (next === undefined || next === best) return next;
    return this.#passesGate(request, next, best, fastest, candidates) ? next : undefined;
  }

  /** One that adds little must not hold the stream up: what it carries is sent from far ahead, or not at all. */
  #isWorthWaiting(request: SegmentRequest, slow: SubflowView, candidates: readonly SubflowView[]): boolean {
    if (!request.mayProbe) return true;
    const others = candidates.reduce((sum, view) => sum + (view === slow ? 0 : view.rateBytesPerSecond), 0);
    if (slow.rateBytesPerSecond > this.#tuning.muchRateShare * others) return true;
    return (
      aheadBytes(slow, candidates, AHEAD_TUNING) <= Math.min(request.unsentBytes, request.windowLeftBytes)
    );
  }

  #passesGate(
    request: SegmentRequest,
    slow: SubflowView,
    best: SubflowView,
    fastest: SubflowView,
    candidates: readonly SubflowView[],
  ): boolean {
    const { windowLeftBytes, remainingBytes } = request;
    const lengthBytes = Math.min(request.lengthBytes, slow.segmentBytes);
    const slowMs = deliveryTimeMs(slow, lengthBytes);
    if (remainingBytes !== undefined && deliveryTimeMs(best, remainingBytes) <= slowMs) return false;
    if (!this.#isWorthWaiting(request, slow, candidates)) return false;
    // What the fastest subflow, and those beside it on its path, send until the slow segment arrives must still fit in
    // the window.
    const fastBytes = (pathRate(candidates, fastest) * slowMs) / 1000;
    return fastBytes * this.#lambda <= windowLeftBytes - (slow.inFlightBytes + lengthBytes);
  }
}

/**
 * `aggregate` with an order or limits: over the uplinks within the limits; what is urgent goes to the first of them, and bulk to
 * all. How it does so is learned by all streams of the session together.
 */
export class PreferringAggregate implements PacketScheduler {
  readonly #order: UplinkOrder;
  readonly #limits: UplinkLimits;
  readonly #aggregate: PacketScheduler;
  /** What the last segment could have gone to. */
  #considered: readonly SubflowView[] = [];

  constructor({ policy, limits, aggregate }: ModeContext) {
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({ delayOf: pathDelayMs });
    this.#aggregate = aggregate;
  }

  select<View extends SubflowView>(request: SegmentRequest, candidates: readonly View[]): View | undefined {
    const within = this.#limits.within(candidates);
    const considered = request.urgency === 'urgent' ? this.#order.first(within) : within;
    this.#considered = considered;
    return this.#aggregate.select(request, considered);
  }

  skipBytes(target: SubflowView): number {
    return this.#aggregate.skipBytes?.(target, this.#considered) ?? 0;
  }

  mayCopy({ uplink }: SubflowView): boolean {
    return this.#considered.some((view) => view.uplink === uplink);
  }
}

/**
 * Without those that have just become much slower, unless the others are slower still (a hiccup of the others, as BBR's while
 * it measures the round trip, is over sooner than a segment on such a one), or they are known to add much to the others.
 */
function worthConsidering<View extends SubflowView>(
  views: readonly View[],
  request: SegmentRequest,
  { degradedTimeRatio, muchRateShare, someRateShare, muchLoss }: AggregateTuning,
): readonly View[] {
  if (!views.some((view) => view.isDegraded)) return views;
  const sound = views.filter((view) => !view.isDegraded);
  const best = earliest(sound, request);
  if (best === undefined) return views;
  const limitMs = segmentTimeMs(best, request) / degradedTimeRatio;
  // Behind a lost packet on a long path the stream stands still, and where the others lose packets as well, nothing helps it on soon.
  const leastShare = views.some(({ lossShare }) => lossShare > muchLoss) ? muchRateShare : someRateShare;
  const leastRate = leastShare * sound.reduce((sum, view) => sum + view.rateBytesPerSecond, 0);
  return views.filter(
    (view) =>
      !view.isDegraded ||
      segmentTimeMs(view, request) < limitMs ||
      (view.isRateProven && view.rateBytesPerSecond > leastRate),
  );
}

/** Bytes per second of all subflows on the path of this one. */
function pathRate(views: readonly SubflowView[], one: SubflowView): number {
  let rate = 0;
  for (const view of views) if (shareBottleneck(view, one)) rate += view.rateBytesPerSecond;
  return rate;
}
