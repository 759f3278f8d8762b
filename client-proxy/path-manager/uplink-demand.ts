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
}

/** The others are full for so long before another uplink is dialled: not for each page. */
export const JOIN_AFTER_MS = 2_000;
/** They have been below LEAVE_SHARE of the threshold for so long before it is left again. */
export const LEAVE_AFTER_MS = 30_000;
const LEAVE_SHARE = 0.75;
/** Another one works for so long before a last resort is left: those that come and go would have it dialled each time. */
export const SETTLED_MS = 10_000;

interface Asked {
  isJoined: boolean;
  /** Since when the reason to join, or to leave, holds. */
  sinceMs: number | undefined;
}

/**
 * Decides which uplinks are wanted now. Those of a kind other than `always` are not even dialled before: break before make,
 * and the overflow link of hybrid access.
 */
export class UplinkDemand {
  readonly #asked = new Map<string, Asked>();

  /**
   * The names of the uplinks that are wanted now.
   * @param bound the uplinks of each stream that may use no others
   */
  review(
    views: readonly DemandView[],
    nowMs: number,
    bound: readonly (readonly string[])[] = [],
  ): ReadonlySet<string> {
    const wanted = new Set<string>();
    for (const [index, view] of views.entries()) {
      if (view.kind === 'always' || this.#isWanted(view, views, index, wanted, nowMs, bound))
        wanted.add(view.name);
    }
    for (const name of this.#asked.keys()) {
      if (!views.some((view) => view.name === name && view.kind !== 'always')) this.#asked.delete(name);
    }
    return wanted;
  }

  #isWanted(
    view: DemandView,
    views: readonly DemandView[],
    index: number,
    wanted: ReadonlySet<string>,
    nowMs: number,
    bound: readonly (readonly string[])[],
  ): boolean {
    const asked = this.#asked.get(view.name) ?? { isJoined: false, sinceMs: undefined };
    this.#asked.set(view.name, asked);
    // Those that this one stands in for: a backup is no substitute for an ordinary uplink, and of several that are
    // dialled on demand the first comes first.
    const others = views.filter(
      (other, at) =>
        other !== view &&
        (view.isBackup || !other.isBackup) &&
        (other.kind === 'always' || (at < index && wanted.has(other.name))),
    );
    // A stream that may use this one and has no other waits for nothing else.
    const isNeeded = bound.some(
      (names) =>
        names.includes(view.name) &&
        others.every(({ name, isUp, hasFailed }) => !names.includes(name) || (!isUp && hasFailed)),
    );
    if (isNeeded) asked.isJoined = true;
    const working = others.filter(({ isUp }) => isUp);
    if (working.length === 0) {
      asked.sinceMs = undefined;
      if (others.every(({ hasFailed }) => hasFailed)) asked.isJoined = true;
      return asked.isJoined;
    }
    const fullness = Math.min(...working.map(({ utilization }) => utilization));
    const { kind, threshold } = view;
    if (asked.isJoined) {
      const mayLeave = !isNeeded && (kind === 'last-resort' || fullness < threshold * LEAVE_SHARE);
      const afterMs = kind === 'last-resort' ? SETTLED_MS : LEAVE_AFTER_MS;
      this.#turn(asked, mayLeave, afterMs, nowMs);
    } else {
      this.#turn(asked, kind === 'overflow' && fullness >= threshold, JOIN_AFTER_MS, nowMs);
    }
    return asked.isJoined;
  }

  /** Joins, or leaves, once the reason for it has held for so long. */
  #turn(asked: Asked, holds: boolean, afterMs: number, nowMs: number): void {
    if (!holds) {
      asked.sinceMs = undefined;
      return;
    }
    asked.sinceMs ??= nowMs;
    if (nowMs - asked.sinceMs < afterMs) return;
    asked.isJoined = !asked.isJoined;
    asked.sinceMs = undefined;
  }
}
