/** How a concentrator is at a time, as far as the choice among several goes. */
export interface ConcentratorView {
  readonly name: string;
  /** It is heard, in a session that takes new streams. */
  readonly isReachable: boolean;
  /** It is not heard, but has a session that takes new streams, and a subflow in it: it may be a pause of the network. */
  readonly isSilent?: boolean;
  /** Of each uplink over which it is measured. */
  readonly ways: ReadonlyMap<string, WayMeasure>;
}

export interface WayMeasure {
  readonly roundTripMs: number;
  /** The share of packets that were sent again of late, 0 to 1. */
  readonly lossShare: number;
}

/** A choice that has changed. */
export interface Chosen {
  readonly name: string;
  /** Undefined: there was none. */
  readonly before: string | undefined;
  /** Sessions have only just begun to come up, or there is none yet. */
  readonly isFirst: boolean;
  /** Why, for a person. */
  readonly reason: string;
}

/** Another is better when it costs this share less, */
const BETTER_SHARE = 0.2;
/** and so much less: below that nobody feels a difference. */
const BETTER_MS = 5;
/** It has been better for so long. What is chosen first may be left at once meanwhile: sessions come up one after the other. */
const HOLD_MS = 10_000;
const FIRST_MS = 3_000;
/** After an outage the one that there was may come back so much later than the first: a dial that times out, and a pause. */
const RETURN_MS = 10_000;
/** One that could not be reached while it was chosen waits twice as long for each time that it has happened within this. */
const REMEMBER_FALLS_MS = 600_000;
/**
 * But one that was silent and is heard again within this has not fallen. After a pause of the network TCP sends again what was lost in it when its timer
 * runs out, twice at most in this time (RFC 6298), while another one, which was asked for nothing in the pause, may answer at once.
 */
const PAUSE_MS = 1_000;
const MAX_HOLD_MS = 300_000;
/** Each percent of loss counts as a fifth of a round trip: a packet that is sent again takes one, and what it holds up waits, too. */
const LOSS_WEIGHT = 20;

/**
 * Which of several concentrators new connections go to: the one with the lowest round trip, loss counted in. It changes at once when that
 * one cannot be reached, and otherwise only for one that has been clearly better for a while, so that it does not go to and fro.
 */
export class ConcentratorChoice {
  #chosen: string | undefined;
  #firstMs: number | undefined;
  /** Who was chosen before an outage that another one came back from sooner, and when that was. The way back is free for a while. */
  #former: { readonly name: string; readonly leftMs: number } | undefined;
  /** None was heard, and none has been reached since. Then it is the uplinks, and no fall of the chosen one. */
  #isOutage = true;
  /** Since when each has been clearly better than the chosen one, without a break. */
  #betterSinceMs: ReadonlyMap<string, number> = new Map();
  /** When each could not be reached any more while it was chosen. */
  #fallsMs = new Map<string, readonly number[]>();
  /** The last of each, where that may have been a pause. */
  #pausesMs = new Map<string, number>();

  /** The name of the chosen one; undefined before `look`. */
  get name(): string | undefined {
    return this.#chosen;
  }

  /**
   * @param views in the order of preference
   * @param isOutage none is heard; where one is only doubted it is none
   * @returns what has changed
   */
  look(views: readonly ConcentratorView[], nowMs: number, isOutage: boolean): Chosen | undefined {
    for (const name of this.#fallsMs.keys())
      if (views.every((one) => one.name !== name)) this.#fallsMs.delete(name);
    this.#forgivePauses(views, nowMs);
    const current = views.find(({ name }) => name === this.#chosen);
    const reachable = views.filter(({ isReachable }) => isReachable);
    if (current === undefined || !current.isReachable) {
      const next = cheapestOf(reachable);
      // With none to go to, the one that there was is waited for.
      if (next === undefined) {
        this.#isOutage ||= isOutage;
        return current === undefined ? this.#choose(views[0]?.name, this.#whyLeft, nowMs) : undefined;
      }
      const why = current === undefined ? this.#whyLeft : `${current.name} cannot be reached`;
      const change = this.#choose(next.name, why, nowMs);
      if (current !== undefined && this.#isOutage) this.#former = { name: current.name, leftMs: nowMs };
      else if (current !== undefined) this.#noteFall(current, nowMs);
      this.#onReached(nowMs);
      return change;
    }
    this.#onReached(nowMs);
    return this.#lookForBetter(current, reachable, nowMs);
  }

  /** Concentrators are called otherwise now. @param names the new ones, by those before */
  rename(names: ReadonlyMap<string, string>): void {
    const renamed = (name: string) => names.get(name) ?? name;
    if (this.#chosen !== undefined) this.#chosen = renamed(this.#chosen);
    if (this.#former !== undefined) this.#former = { ...this.#former, name: renamed(this.#former.name) };
    this.#betterSinceMs = new Map([...this.#betterSinceMs].map(([name, ms]) => [renamed(name), ms]));
    this.#fallsMs = new Map([...this.#fallsMs].map(([name, ms]) => [renamed(name), ms]));
    this.#pausesMs = new Map([...this.#pausesMs].map(([name, ms]) => [renamed(name), ms]));
  }

  /** Why one is chosen, or is not, for a person. @param views as in `look` */
  whyOf(name: string, views: readonly ConcentratorView[], nowMs: number): string {
    const one = views.find((view) => view.name === name);
    const chosen = views.find((view) => view.name === this.#chosen);
    if (one === undefined || chosen === undefined) return '';
    if (one === chosen) return whyChosen(chosen, views);
    if (!one.isReachable) return 'it cannot be reached';
    if (!isMeasured(one)) return 'its round trip is not known yet';
    if (!isClearlyBetter(one, chosen))
      return isCheaper(one, chosen) ? `not enough better: ${against(one, chosen)}` : against(one, chosen);
    const leftMs = this.#holdMs(name, nowMs) - (nowMs - (this.#betterSinceMs.get(name) ?? nowMs));
    return `better: ${against(one, chosen)}; chosen in ${Math.max(1, Math.ceil(leftMs / 1_000))} s if it stays so`;
  }

  #lookForBetter(
    current: ConcentratorView,
    reachable: readonly ConcentratorView[],
    nowMs: number,
  ): Chosen | undefined {
    const better = reachable.filter((one) => isClearlyBetter(one, current));
    this.#betterSinceMs = new Map(
      better.map(({ name }) => [name, this.#betterSinceMs.get(name) ?? nowMs] as const),
    );
    const mayTake = ({ name }: ConcentratorView) =>
      (this.#isFree(name, nowMs) && this.#recentFalls(name, nowMs).length === 0) ||
      nowMs - this.#betterSinceMs.get(name)! >= this.#holdMs(name, nowMs);
    const next = cheapestOf(better.filter(mayTake));
    return next && this.#choose(next.name, `it is better: ${against(next, current)}`, nowMs);
  }

  #choose(name: string | undefined, reason: string, nowMs: number): Chosen | undefined {
    const before = this.#chosen;
    if (name === undefined || name === before) return undefined;
    this.#betterSinceMs = new Map();
    this.#former = undefined;
    this.#chosen = name;
    return { name, before, isFirst: this.#isFirst(nowMs), reason };
  }

  /** Some are reached. */
  #onReached(nowMs: number): void {
    this.#firstMs ??= nowMs;
    this.#isOutage = false;
  }

  /** Whether it need not have been better for long. */
  #isFree(name: string, nowMs: number): boolean {
    const isBack = name === this.#former?.name && nowMs - this.#former.leftMs < RETURN_MS;
    return isBack || this.#isFirst(nowMs);
  }

  get #whyLeft(): string {
    return this.#chosen === undefined ? 'there was none' : `${this.#chosen} is no longer configured`;
  }

  #isFirst(nowMs: number): boolean {
    return this.#firstMs === undefined || nowMs - this.#firstMs < FIRST_MS;
  }

  #noteFall({ name, isSilent }: ConcentratorView, nowMs: number): void {
    this.#fallsMs.set(name, [...this.#recentFalls(name, nowMs), nowMs]);
    if (isSilent === true) this.#pausesMs.set(name, nowMs);
  }

  /**
   * One that is back so soon, and was silent all the time, has not fallen. It is left for a while all the same: pauses come in a row.
   */
  #forgivePauses(views: readonly ConcentratorView[], nowMs: number): void {
    for (const [name, pauseMs] of this.#pausesMs) {
      const one = views.find((view) => view.name === name);
      const isSoon = nowMs - pauseMs < PAUSE_MS;
      if (isSoon && one?.isSilent === true) continue;
      this.#pausesMs.delete(name);
      if (!isSoon || one?.isReachable !== true) continue;
      const falls = this.#fallsMs.get(name) ?? [];
      this.#fallsMs.set(
        name,
        falls.filter((fallMs) => fallMs !== pauseMs),
      );
    }
  }

  #recentFalls(name: string, nowMs: number): readonly number[] {
    return (this.#fallsMs.get(name) ?? []).filter((fallMs) => nowMs - fallMs < REMEMBER_FALLS_MS);
  }

  #holdMs(name: string, nowMs: number): number {
    const falls = this.#recentFalls(name, nowMs).length;
    return Math.min(HOLD_MS * 2 ** Math.max(0, falls - 1), MAX_HOLD_MS);
  }
}

/** Milliseconds, comparable between two that are measured over the same uplinks. Infinite where nothing is measured. */
function costs(one: ConcentratorView, other: ConcentratorView): readonly [number, number] {
  const common = new Set([...one.ways.keys()].filter((uplink) => other.ways.has(uplink)));
  const costOf = ({ ways }: ConcentratorView) =>
    Math.min(
      ...[...ways].map(([uplink, { roundTripMs, lossShare }]) =>
        common.size === 0 || common.has(uplink) ? roundTripMs * (1 + LOSS_WEIGHT * lossShare) : Infinity,
      ),
    );
  return [costOf(one), costOf(other)];
}

function cheapestOf(all: readonly ConcentratorView[]): ConcentratorView | undefined {
  return all.reduce<ConcentratorView | undefined>(
    (best, one) => (best === undefined || isCheaper(one, best) ? one : best),
    undefined,
  );
}

function isCheaper(one: ConcentratorView, other: ConcentratorView): boolean {
  const [own, others] = costs(one, other);
  return own < others;
}

function isClearlyBetter(one: ConcentratorView, current: ConcentratorView): boolean {
  const [own, currents] = costs(one, current);
  if (currents === Infinity) return own < Infinity;
  return own <= currents * (1 - BETTER_SHARE) && currents - own >= BETTER_MS;
}

function whyChosen(chosen: ConcentratorView, views: readonly ConcentratorView[]): string {
  const others = views.filter((one) => one !== chosen && one.isReachable);
  if (!chosen.isReachable) return 'none can be reached: it was the last, or is the first in the list';
  if (others.length === 0) return 'no other can be reached';
  if (!isMeasured(chosen)) return 'its round trip is not known yet';
  return others.some((one) => isCheaper(one, chosen))
    ? 'another one is better, but not by enough, or not for long enough yet'
    : 'the lowest round trip';
}

function isMeasured({ ways }: ConcentratorView): boolean {
  return ways.size > 0;
}

/** `45 ms, and 12 ms to frankfurt`: as they are compared. */
function against(one: ConcentratorView, other: ConcentratorView): string {
  const [own, others] = costs(one, other);
  const isLossy = [one, other].some(({ ways }) => [...ways.values()].some(({ lossShare }) => lossShare > 0));
  return `${costText(own)}, and ${costText(others)} to ${other.name}${isLossy ? ', with loss counted in' : ''}`;
}

function costText(costMs: number): string {
  return costMs === Infinity
    ? 'nothing measured'
    : `${costMs < 10 ? costMs.toFixed(1) : Math.round(costMs)} ms`;
}
