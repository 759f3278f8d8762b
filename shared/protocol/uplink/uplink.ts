import type { Now } from '../now.ts';
import type { Subflow, SubflowUplink } from '../subflow/subflow.ts';
import type { TokenBucket } from '../subflow/token-bucket.ts';
import { Parking } from './parking.ts';
import { PathSearch } from './path-search.ts';
import { UplinkRateLimit } from './rate-limit.ts';
import { SubflowWish } from './subflow-wish.ts';
import type { UplinkTuning } from './uplink-tuning.ts';
import { type SampledPath, UplinkUtilization } from './utilization.ts';

/** A call is over when nothing was sent in it for so long: a speaker's silence is sent, too, but seldom. */
const CALL_MEMORY_MS = 2_000;

/** One uplink as a session sees it: its subflows, and all that is known of them together. */
export class Uplink implements SubflowUplink {
  readonly name: string;
  readonly rateLimit: UplinkRateLimit;
  readonly parking: Parking;
  readonly wish: SubflowWish;
  readonly utilization: UplinkUtilization;
  readonly pathSearch: PathSearch;
  readonly #now: Now;
  #subflows: readonly Subflow<Uplink>[] = [];
  readonly #paths = new Set<SampledPath>();
  #idleSinceMs: number;
  #wasReserve = false;
  #callMs = Number.NEGATIVE_INFINITY;

  constructor(name: string, now: Now, tuning: UplinkTuning) {
    this.name = name;
    this.#now = now;
    this.#idleSinceMs = now.ms;
    this.rateLimit = new UplinkRateLimit(now, tuning.rateLimit);
    this.parking = new Parking(now, tuning.parking);
    this.wish = new SubflowWish(now, tuning.wish);
    this.pathSearch = new PathSearch(now, tuning.pathSearch);
    this.utilization = new UplinkUtilization(now, tuning.utilization);
  }

  /** The oldest first. */
  get subflows(): readonly Subflow<Uplink>[] {
    return this.#subflows;
  }

  /** Its subflows without those that are about to go. */
  get lasting(): readonly Subflow<Uplink>[] {
    return this.#subflows.filter(({ duty }) => duty.value !== 'retiring');
  }

  /** Of datagrams. */
  get paths(): Iterable<SampledPath> {
    return this.#paths;
  }

  /** It is a backup, or about to go: used only while no other uplink works. Without a subflow it is what it was with the last. */
  get isReserve(): boolean {
    return this.#subflows.length === 0 ? this.#wasReserve : !this.#subflows.some(isRegular);
  }

  /** For how long it has had no subflow. */
  get idleMs(): number {
    return this.#subflows.length > 0 ? 0 : this.#now.ms - this.#idleSinceMs;
  }

  /** Whether anything may be sent there: on subflows, or on paths of datagrams. */
  get isInUse(): boolean {
    return this.#subflows.length > 0 || this.#paths.size > 0;
  }

  get bucket(): TokenBucket | undefined {
    return this.rateLimit.bucket;
  }

  get isMetered(): boolean {
    return this.rateLimit.isMetered;
  }

  get isParked(): boolean {
    return this.parking.isParked;
  }

  /** Datagrams of a call, or a game, leave on it: what others queue there delays them. */
  get hasCall(): boolean {
    return this.#now.ms - this.#callMs < CALL_MEMORY_MS;
  }

  /** A datagram of such a flow leaves on it. */
  onCall(): void {
    this.#callMs = this.#now.ms;
  }

  add(subflow: Subflow<Uplink>): void {
    this.#subflows = [...this.#subflows, subflow];
  }

  remove(subflow: Subflow<Uplink>): void {
    this.#wasReserve = this.isReserve;
    this.#subflows = this.#subflows.filter((other) => other !== subflow);
    this.#idleSinceMs = this.#now.ms;
  }

  /** Datagrams have a path more there. */
  addPath(path: SampledPath): void {
    this.#paths.add(path);
  }

  removePath(path: SampledPath): void {
    this.#paths.delete(path);
  }
}

function isRegular({ duty }: Subflow): boolean {
  return duty.value === 'regular';
}
