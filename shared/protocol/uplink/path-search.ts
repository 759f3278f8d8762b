import type { Now } from '../now.ts';
import type { Subflow } from '../subflow/subflow.ts';
import { PathRates, type Rates } from './path-rates.ts';

export interface PathSearchTuning {
  /** After a change so long goes by before rates are compared, */
  readonly settleMs: number;
  /** and over so long they are; both at least so many round trips: slow start is over, and congestion control has come to rest. */
  readonly measureMs: number;
  readonly leastRoundTrips: number;
  /** So many subflows are dialled for the first trial, at most half as many as there are to be; */
  readonly trialSubflows: number;
  /** for each one after a trial in vain this many times as many, at most as many as there are to be. */
  readonly trialGrowth: number;
  /** A subflow with less than this share of the best one's rate is not alone on its path. */
  readonly sharedRatio: number;
  /** A trial has met another path when the sum grows by this share of a path's rate. */
  readonly gainShare: number;
  /**
   * Those go at a time that carry less than this share of a path's rate together: a path that lost all of its subflows by
   * that would have carried more.
   */
  readonly safeShare: number;
  /** Trials in vain end the search once it is this unlikely that a path is left to be met, */
  readonly doubtShare: number;
  /** and so many dials in any case. */
  readonly maxDials: number;
  /** They must come up within this. */
  readonly dialMs: number;
  /** After a search that has met other paths, and all that it could, the next one begins no sooner than this; */
  readonly restMs: number;
  /** after one in vain than this, twice as long each time, */
  readonly backoffMs: number;
  /** up to this. */
  readonly maxBackoffMs: number;
  /** From this share of subflows, or of the peer's use of the uplink, on there is more to send than the paths take, */
  readonly busyShare: number;
  /** where the subflows carry more than this together: otherwise it is datagrams that fill the uplink. */
  readonly leastBytesPerMs: number;
}

export const PATH_SEARCH_TUNING: PathSearchTuning = {
  settleMs: 200,
  measureMs: 300,
  leastRoundTrips: 3,
  trialSubflows: 4,
  trialGrowth: 2,
  sharedRatio: 0.7,
  gainShare: 0.5,
  safeShare: 0.8,
  doubtShare: 0.01,
  maxDials: 64,
  dialMs: 3_000,
  restMs: 10_000,
  backoffMs: 60_000,
  maxBackoffMs: 600_000,
  busyShare: 0.6,
  leastBytesPerMs: 16,
};

/** What is to be done about the subflows of an uplink. */
export interface SearchOrder {
  /** So many more than are configured, for a trial. */
  readonly extra: number;
  /** These are to be taken out of use, in good order, before the number is looked at. */
  readonly surplus: readonly number[];
}

/** From one stretch to the next a steady sum does not grow by more. */
const STEADY_RATIO = 1.1;

type Phase = 'idle' | 'watching' | 'dialling' | 'settling' | 'measuring';
/**
 * Where one uplink leads over several equal paths, and the network picks one by the ports (equal-cost multipath, RFC 2992), some of
 * its subflows meet on one path, and others are left empty. Nobody tells which: so a few more subflows are dialled, from
 * other ports. If the sum grows, they have met another path. Those with the lowest rates, which share a path with
 * others, go, so few at a time that no path can lose its last. This is repeated until each is alone, or no other path can be
 * expected. So the sum never falls below what it was.
 */
export class PathSearch {
  readonly #now: Now;
  readonly #tuning: PathSearchTuning;
  readonly #rates: PathRates;
  /** So many subflows are configured; the search is off below 2. */
  #wanted = 0;
  #room = 0;
  #phase: Phase = 'idle';
  /** In the last stretch in which it was watched. */
  #watchedSum = 0;
  /** Of this search: the highest rate of one subflow, and of all together. */
  #pathRate = 0;
  #bestSum = 0;
  #dials = 0;
  /** Those since the sum has grown. */
  #vainDials = 0;
  #hasGained = false;
  /** Of the last trial. */
  #trialSize = 1;
  /** So many subflows there are to be once all that were asked for are up. */
  #expected = 0;
  #hasSearched = false;
  #restsUntilMs = Number.NEGATIVE_INFINITY;
  #backoffMs: number;

  constructor(now: Now, tuning: PathSearchTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#rates = new PathRates(now, tuning.busyShare);
    this.#backoffMs = tuning.backoffMs;
  }

  /** So many subflows are to be on paths of their own, and there may be so many for a moment; below 2, and without room: no search. */
  want(count: number, most: number): void {
    if (count !== this.#wanted) this.#hasSearched = false;
    this.#wanted = count;
    this.#room = most - count;
  }

  /**
   * @param subflows of the uplink, without those that are about to go
   * @param peerShare how much of the uplink the peer makes use of, 0 to 1
   * @returns what is to be done otherwise than before
   */
  sample(subflows: readonly Subflow[], peerShare: number): SearchOrder | undefined {
    const active = subflows.filter(({ state }) => state === 'active');
    if (this.#wanted < 2 || this.#room < 1 || active.length < 2) return this.breakOff();
    this.#rates.sample(active, peerShare);
    switch (this.#phase) {
      case 'idle':
        if (this.#rates.choose(active, peerShare)) this.#enter('watching', active);
        return undefined;
      case 'watching':
        return this.#hasLasted('measure', active) ? this.#watch(active) : undefined;
      case 'dialling':
        return this.#awaitDials(active);
      case 'settling':
        if (this.#hasLasted('settle', active)) this.#enter('measuring', active);
        return undefined;
      case 'measuring':
        if (!this.#hasLasted('measure', active)) return undefined;
        return this.#rates.isBusy ? this.#judge(active) : this.#stop(0);
    }
  }

  /** Whatever it is at, it is over; the next one may begin at once. @returns as `sample` */
  breakOff(): SearchOrder | undefined {
    return this.#phase === 'idle' ? undefined : this.#stop(0);
  }

  #watch(active: readonly Subflow[]): SearchOrder | undefined {
    if (!this.#rates.isBusy) return this.#stop(0);
    const rates = this.#rates.of(active);
    if (rates.sum < this.#tuning.leastBytesPerMs) return this.#stop(0);
    // What still grows by itself would pass for another path that was met.
    const isGrowing = rates.sum > this.#watchedSum * STEADY_RATIO;
    this.#watchedSum = rates.sum;
    this.#enter('watching', active);
    if (isGrowing || this.#now.ms < this.#restsUntilMs || active.length < this.#wanted) return undefined;
    if (this.#hasSearched && !this.#isShared(rates)) return undefined;
    this.#pathRate = rates.most;
    this.#bestSum = rates.sum;
    this.#dials = 0;
    this.#vainDials = 0;
    this.#hasGained = false;
    const { trialSubflows } = this.#tuning;
    this.#trialSize = this.#bounded(Math.min(trialSubflows, Math.floor(this.#wanted / 2)));
    return this.#go(active, [], this.#trialSize);
  }

  /** Takes these out of use, and dials so many. */
  #go(active: readonly Subflow[], surplus: readonly number[], dials: number): SearchOrder {
    this.#dials += dials;
    this.#vainDials += dials;
    this.#expected = active.length - surplus.length + dials;
    this.#enter(dials > 0 ? 'dialling' : 'settling', active);
    return { extra: this.#expected - this.#wanted, surplus };
  }

  #awaitDials(active: readonly Subflow[]): SearchOrder | undefined {
    const isLate = this.#rates.lastedMs >= this.#tuning.dialMs;
    if (isLate && active.length <= this.#wanted) return this.#giveUp();
    if (isLate || active.length >= this.#expected) this.#enter('settling', active);
    return undefined;
  }

  /** Whether the trial has met another path; some go that have brought least. */
  #judge(active: readonly Subflow[]): SearchOrder {
    const rates = this.#rates.of(active);
    this.#pathRate = Math.max(this.#pathRate, rates.most);
    const { gainShare, trialGrowth } = this.#tuning;
    const isVain = rates.sum < this.#bestSum + gainShare * this.#pathRate;
    if (!isVain) {
      this.#bestSum = rates.sum;
      this.#vainDials = 0;
      this.#hasGained = true;
    }
    const isSpent = this.#isSpent(rates);
    const isComplete =
      this.#missingPaths(rates) === 0 && (active.length > this.#wanted || !this.#isShared(rates));
    if (!isSpent && !isComplete) {
      if (isVain) this.#trialSize = this.#bounded(this.#trialSize * trialGrowth);
      const surplus = this.#surplus(rates);
      const room = this.#wanted + this.#room - (active.length - surplus.length);
      // Where there is no room for another one, one has to go.
      if (room <= 0) return this.#go(active, this.#lowest(rates, 1), 0);
      return this.#go(active, surplus, Math.min(this.#trialSize, room));
    }
    if (active.length > this.#wanted) {
      const surplus = this.#surplus(rates);
      // All are alone: there are more paths than subflows that are wanted.
      return this.#go(
        active,
        surplus.length > 0 ? surplus : this.#lowest(rates, active.length - this.#wanted),
        0,
      );
    }
    if (!isComplete || !this.#hasGained) return this.#giveUp();
    this.#backoffMs = this.#tuning.backoffMs;
    return this.#stop(this.#tuning.restMs);
  }

  /** Those with the lowest rates beyond the number that is wanted, as many as may go at a time. */
  #surplus(rates: Rates): readonly number[] {
    const surplus: number[] = [];
    let rest = this.#tuning.safeShare * this.#pathRate;
    for (const id of this.#lowest(rates, rates.byId.size - this.#wanted)) {
      rest -= rates.byId.get(id)!;
      if (rest < 0) break;
      surplus.push(id);
    }
    return surplus;
  }

  #lowest({ byId }: Rates, count: number): readonly number[] {
    return [...byId]
      .sort(([, a], [, b]) => a - b)
      .slice(0, Math.max(0, count))
      .map(([id]) => id);
  }

  #giveUp(): SearchOrder {
    const backoffMs = this.#backoffMs;
    this.#backoffMs = Math.min(backoffMs * 2, this.#tuning.maxBackoffMs);
    return this.#stop(backoffMs);
  }

  #stop(restMs: number): SearchOrder {
    this.#phase = 'idle';
    this.#watchedSum = 0;
    if (restMs > 0) {
      this.#hasSearched = true;
      this.#restsUntilMs = this.#now.ms + restMs;
    }
    return { extra: 0, surplus: [] };
  }

  /** How many paths are still to be met, judged by the sum. Two or three subflows may share one, and none knows its rate. */
  #missingPaths({ sum }: Rates): number {
    const missing = Math.max(0, Math.round(this.#wanted - sum / this.#pathRate));
    return missing === 0 && this.#wanted <= 3 && this.#vainDials === this.#dials ? 1 : missing;
  }

  /** Whether it has been tried for long enough: each dial would have met one of so many empty paths with some chance. */
  #isSpent(rates: Rates): boolean {
    const missing = Math.min(Math.max(this.#missingPaths(rates), 1), this.#wanted - 0.5);
    const enough = Math.log(this.#tuning.doubtShare) / Math.log(1 - missing / this.#wanted);
    return this.#vainDials >= enough || this.#dials >= this.#tuning.maxDials;
  }

  #isShared({ least, most }: Rates): boolean {
    return least < this.#tuning.sharedRatio * most;
  }

  #bounded(trialSize: number): number {
    return Math.max(1, Math.min(trialSize, this.#wanted, this.#room));
  }

  #hasLasted(what: 'settle' | 'measure', active: readonly Subflow[]): boolean {
    const { settleMs, measureMs, leastRoundTrips } = this.#tuning;
    const roundTripMs = Math.max(...active.map(({ smoothedRttMs }) => smoothedRttMs));
    const leastMs = Math.max(what === 'settle' ? settleMs : measureMs, leastRoundTrips * roundTripMs);
    return this.#rates.lastedMs >= leastMs;
  }

  #enter(phase: Phase, active: readonly Subflow[]): void {
    this.#phase = phase;
    this.#rates.begin(active);
  }
}
