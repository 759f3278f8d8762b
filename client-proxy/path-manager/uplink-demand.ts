/** When an uplink is dialled: always; when nothing else works; when the others are full, or none works. */
export type DemandKind = 'always' | 'last-resort' | 'overflow';

/** What the demand for uplinks is judged by, one for each that may be used, in the order of preference. */
export interface DemandView {
  readonly name: string;
  readonly kind: DemandKind;
  readonly isBackup: boolean;
  /** `overflow`: the others must be this full, 0 to 1. */
  readonly threshold: number;
  readonly isUp: boolean;
  /** Whether it was tried in vain, or lost. */
  readonly hasFailed: boolean;
  /** The share of what it can carry that was used of late, 0 to 1. */
  readonly utilization: number;
  readonly demand: UplinkDemand;
}

/** The others are full for so long before another uplink is dialled: not for each page. */
export const JOIN_AFTER_MS = 2_000;
/** They have been below LEAVE_SHARE of the threshold for so long before it is left again. */
export const LEAVE_AFTER_MS = 30_000;
const LEAVE_SHARE = 0.75;
/** Another one works for so long before a last resort is left: those that come and go would have it dialled each time. */
export const SETTLED_MS = 10_000;

/** The demand for one uplink that is not always dialled, from one review to the next. */
export class UplinkDemand {
  #isJoined = false;
  /** Since when the reason to join, or to leave, holds. */
  #sinceMs: number | undefined;

  /** The uplink is dialled in any case, or never: what was decided before no longer counts. */
  reset(): void {
    this.#isJoined = false;
    this.#sinceMs = undefined;
  }

  /**
   * Whether the uplink is wanted now.
   * @param others those that it stands in for
   * @param isNeeded a stream may use this one, and has no other
   */
  judge(
    { kind, threshold }: DemandView,
    others: readonly DemandView[],
    isNeeded: boolean,
    nowMs: number,
  ): boolean {
    if (isNeeded) this.#isJoined = true;
    const working = others.filter(({ isUp }) => isUp);
    if (working.length === 0) {
      this.#sinceMs = undefined;
      if (others.every(({ hasFailed }) => hasFailed)) this.#isJoined = true;
      return this.#isJoined;
    }
    const fullness = Math.min(...working.map(({ utilization }) => utilization));
    if (this.#isJoined) {
      const mayLeave = !isNeeded && (kind === 'last-resort' || fullness < threshold * LEAVE_SHARE);
      this.#turn(mayLeave, kind === 'last-resort' ? SETTLED_MS : LEAVE_AFTER_MS, nowMs);
    } else {
      this.#turn(kind === 'overflow' && fullness >= threshold, JOIN_AFTER_MS, nowMs);
    }
    return this.#isJoined;
  }

  /** Joins, or leaves, once the reason for it has held for so long. */
  #turn(holds: boolean, afterMs: number, nowMs: number): void {
    if (!holds) {
      this.#sinceMs = undefined;
      return;
    }
    this.#sinceMs ??= nowMs;
    if (nowMs - this.#sinceMs < afterMs) return;
    this.#isJoined = !this.#isJoined;
    this.#sinceMs = undefined;
  }
}

/**
 * The names of the uplinks that are wanted now. Those of a kind other than `always` are not even dialled before: break before
 * make, and the overflow link of hybrid access.
 * @param bound the uplinks of each stream that may use no others
 */
export function wantedUplinks(
  views: readonly DemandView[],
  nowMs: number,
  bound: readonly (readonly string[])[] = [],
): ReadonlySet<string> {
  const wanted = new Set<string>();
  for (const [index, view] of views.entries()) {
    if (view.kind === 'always') {
      view.demand.reset();
      wanted.add(view.name);
      continue;
    }
    // Those that this one stands in for: a backup is no substitute for an ordinary uplink, and of several that are
    // dialled on demand the first comes first.
    const others = views.filter(
      (other, at) =>
        other !== view &&
        (view.isBackup || !other.isBackup) &&
        (other.kind === 'always' || (at < index && wanted.has(other.name))),
    );
    if (view.demand.judge(view, others, isNeeded(view, others, bound), nowMs)) wanted.add(view.name);
  }
  return wanted;
}

/** Whether a stream may use the uplink and has no other: it waits for nothing else. */
function isNeeded(
  view: DemandView,
  others: readonly DemandView[],
  bound: readonly (readonly string[])[],
): boolean {
  return bound.some(
    (names) =>
      names.includes(view.name) &&
      others.every(({ name, isUp, hasFailed }) => !names.includes(name) || (!isUp && hasFailed)),
  );
}
