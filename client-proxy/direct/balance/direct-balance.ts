import { halvesOf, type StreamPolicy } from '../../../shared/protocol/steering/steering-policy.ts';
import type { MonotonicClock } from '../../../shared/runtime/clock.ts';
import type { PresentUplink } from '../../config/client-config.ts';
import type { UplinkFollower } from '../../network/uplink-follower.ts';
import type { UplinkTrouble } from '../../network/uplink-trouble.ts';
import type { UplinkUseWithReason } from '../../path-manager/uplink-use.ts';
import type { DirectFlows } from './direct-flows.ts';
import type { StickyUplinks } from './sticky-uplinks.ts';
import { Turns } from './turns.ts';
import { UplinkMeasure } from './uplink-measure.ts';
import { type Candidate, type DirectRole, orderUplinks, type Placed } from './uplink-order.ts';

export interface DirectBalanceOptions {
  /** Those that there are now, as they are at this time. */
  readonly uplinks: () => readonly PresentUplink[];
  /** What an uplink may be used for now. */
  useOf(uplinkName: string): UplinkUseWithReason;
  /** Why nothing can get through an uplink, as far as the network tells. */
  readonly troubles: () => ReadonlyMap<string, UplinkTrouble>;
  readonly flows: Pick<DirectFlows, 'busyOf'>;
  readonly sticky: StickyUplinks;
  /** An uplink comes last from now on, or is one like the others again. */
  onSuspect(uplinkName: string, isSuspect: boolean): void;
  readonly clock: MonotonicClock;
}

/** It is the right one; a backup while another one works, as far as anybody can tell; or of no use, or not allowed. */
export type DirectStanding = 'right' | 'stopgap' | 'out';

/** Of an uplink that nothing is known of, while nothing is known of any: ten megabits per second. */
const USUAL_BYTES_PER_SECOND = 1_250_000;

/** What each uplink is known to deliver, and from it which of them a connection past the concentrator tries, in which order. */
export class DirectBalance implements UplinkFollower<PresentUplink> {
  readonly #options: DirectBalanceOptions;
  /** By name, of the uplinks that there are. */
  readonly #measures = new Map<string, UplinkMeasure>();
  readonly #turns = new Turns();

  constructor(options: DirectBalanceOptions) {
    this.#options = options;
  }

  /**
   * The uplinks that a connection tries, in this order; empty where none may carry it. The first has had its turn then, and the
   * host is used to it.
   * @param host in lower case
   * @param inUse as in `orderUplinks`
   */
  begin(host: string, policy: StreamPolicy, inUse?: ReadonlySet<string>): readonly Placed[] {
    const { sticky, clock } = this.#options;
    const nowMs = clock();
    const halves = halvesOf(policy);
    // Most of what connections carry comes down.
    const half = halves.at(-1)!;
    const isSticky = half.mode !== 'round-robin';
    const placed = orderUplinks(
      this.#candidates(this.#eligible(policy), nowMs),
      half,
      isSticky ? sticky.uplinkOf(host, nowMs) : undefined,
      inUse,
    );
    const first = placed[0];
    if (first === undefined) return placed;
    if (isSticky) sticky.use(host, first.name, nowMs);
    this.#turns.take(first.name, first.share || 1);
    return placed;
  }

  /** A connection to the host was made over this uplink. */
  connected(host: string, uplinkName: string, { down, mode }: StreamPolicy): void {
    const { sticky, clock } = this.#options;
    if ((down?.mode ?? mode) !== 'round-robin') sticky.use(host, uplinkName, clock());
  }

  /** What an uplink is now to what has begun over it. */
  standingOf(uplinkName: string, policy: StreamPolicy): DirectStanding {
    const candidates = this.#candidates(this.#eligible(policy), this.#options.clock());
    const placed = orderUplinks(candidates, halvesOf(policy).at(-1)!, undefined);
    const own = placed.find(({ name }) => name === uplinkName);
    if (own === undefined) return 'out';
    if (own.role !== 'backup') return 'right';
    const troubles = this.#options.troubles();
    const better = placed.slice(0, placed.indexOf(own));
    const isLast = !better.some(
      ({ name, role, isSuspect }) => role !== 'backup' && !isSuspect && !troubles.has(name),
    );
    return isLast ? 'right' : 'stopgap';
  }

  /** What is known of an uplink. */
  measureOf(uplinkName: string): UplinkMeasure {
    let measure = this.#measures.get(uplinkName);
    if (measure === undefined) {
      measure = new UplinkMeasure((isSuspect) => this.#options.onSuspect(uplinkName, isSuspect));
      // One that is gone meanwhile is measured for nobody.
      if (this.#options.uplinks().some(({ name }) => name === uplinkName))
        this.#measures.set(uplinkName, measure);
    }
    return measure;
  }

  /** Whether any uplink may carry connections, and might. */
  get isPossible(): boolean {
    const { uplinks, useOf, troubles } = this.#options;
    return uplinks().some(({ name }) => useOf(name).use !== 'stopped' && !troubles().get(name)?.isCertain);
  }

  setUplinks(uplinks: readonly PresentUplink[]): void {
    const names = new Set(uplinks.map(({ name }) => name));
    for (const name of this.#measures.keys()) if (!names.has(name)) this.#measures.delete(name);
    this.#turns.keep(names);
  }

  /** What failed may work now. */
  retryUplinks(uplinkNames: ReadonlySet<string>): void {
    for (const name of uplinkNames) this.#measures.get(name)?.trust();
  }

  /** Those that may carry it; where some are known to be of no use now, the others. */
  #eligible(policy: StreamPolicy): readonly PresentUplink[] {
    const { uplinks, useOf, troubles } = this.#options;
    const only = halvesOf(policy).flatMap((half) => (half.only === undefined ? [] : [half.only]));
    const allowed = uplinks().filter(
      ({ name }) => useOf(name).use !== 'stopped' && only.every((names) => names.includes(name)),
    );
    const usable = allowed.filter(({ name }) => !troubles().get(name)?.isCertain);
    return usable.length > 0 ? usable : allowed;
  }

  #candidates(uplinks: readonly PresentUplink[], nowMs: number): readonly Candidate[] {
    const measures = uplinks.map(({ name }) => this.measureOf(name));
    const known = measures.flatMap(({ rate }) => rate.measured ?? []);
    const best = known.length > 0 ? Math.max(...known) : USUAL_BYTES_PER_SECOND;
    return uplinks.map((uplink, index): Candidate => {
      const { name, weight } = uplink;
      const measure = measures[index]!;
      return {
        name,
        role: this.#roleOf(uplink),
        isSuspect: measure.isSuspect,
        connectMs: measure.expectedConnectMs(nowMs),
        bytesPerSecond: measure.rate.expected(best, nowMs),
        busy: this.#options.flows.busyOf(name) + measure.pendingCount,
        weight,
        dueTurn: this.#turns.dueOf(name),
      };
    });
  }

  #roleOf({ name, backup, joinAboveUtilization }: PresentUplink): DirectRole {
    if (backup || this.#options.useOf(name).use === 'backup') return 'backup';
    return joinAboveUtilization === undefined ? 'regular' : 'overflow';
  }
}
