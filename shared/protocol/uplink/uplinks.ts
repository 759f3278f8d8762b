import { type ControlItem, controlItem } from '../control/control-item.ts';
import type { Now } from '../now.ts';
import type { Subflow } from '../subflow/subflow.ts';
import type { SearchOrder } from './path-search.ts';
import type { RateLimit, RateLimitFrame } from './rate-limit.ts';
import { Uplink } from './uplink.ts';
import type { UplinkTuning } from './uplink-tuning.ts';
import type { SampledPath } from './utilization.ts';

/** An uplink without a subflow is remembered for so long: it may come back, and must then be as it was known. */
const IDLE_MEMORY_MS = 60_000;
/** And so many of them, the newest. */
const MAX_IDLE_UPLINKS = 64;

/** What the uplinks ask of their session. */
export interface UplinksHost {
  readonly role: 'client' | 'concentrator';
  tellPeer(item: ControlItem): void;
  /** Client: so many subflows are wanted on an uplink, by this end or by the peer, whichever wants more. */
  onSubflowsWanted(uplink: Uplink, count: number): void;
  /** Client: some subflows of an uplink are to be replaced, to find other paths. */
  onPathSearch(uplink: Uplink, order: SearchOrder): void;
}

/** What the program around a client's session may ask of its uplinks, by their names. */
export interface UplinkCommands {
  /** Most that an uplink may carry in each direction from now on; the concentrator is told its half. */
  limitRate(uplinkName: string, limit: RateLimit): void;

  /** So many subflows of an uplink are to be on different paths, where there are several, and there may be `most` for a moment; below 2: as it comes. */
  searchPaths(uplinkName: string, count: number, most: number): void;
}

/**
 * The uplinks of one session. This is where a name is looked up, once, when it comes in. An uplink that has had no subflow for a
 * minute is forgotten, and earlier where a peer invents names.
 */
export class Uplinks implements UplinkCommands {
  readonly #host: UplinksHost;
  readonly #now: Now;
  readonly #tuning: UplinkTuning;
  readonly #byName = new Map<string, Uplink>();
  /** Client: the last generation of RATE_LIMIT that was told. */
  #toldGeneration = 0;
  #nextWishSampleMs = 0;
  #wishesReviewedMs: number;
  #nextUseSampleMs = 0;
  #useReviewedMs: number;

  constructor(host: UplinksHost, now: Now, tuning: UplinkTuning) {
    this.#host = host;
    this.#now = now;
    this.#tuning = tuning;
    this.#wishesReviewedMs = now.ms;
    this.#useReviewedMs = now.ms;
  }

  get all(): Iterable<Uplink> {
    return this.#byName.values();
  }

  /** The uplink of this name, which is new if nothing was known of it. */
  named(name: string): Uplink {
    let uplink = this.#byName.get(name);
    if (uplink === undefined) {
      uplink = new Uplink(name, this.#now, this.#tuning);
      this.#byName.set(name, uplink);
    }
    return uplink;
  }

  /** The uplink of this name, if anything is known of it. */
  known(name: string): Uplink | undefined {
    return this.#byName.get(name);
  }

  /** When an uplink that is held back may send again. */
  get deadlineMs(): number {
    let deadlineMs = Number.POSITIVE_INFINITY;
    for (const { rateLimit } of this.#byName.values()) {
      deadlineMs = Math.min(deadlineMs, rateLimit.deadlineMs);
    }
    return deadlineMs;
  }

  limitRate(uplinkName: string, limit: RateLimit): void {
    const uplink = this.named(uplinkName);
    if (!uplink.rateLimit.set(limit)) return;
    for (const subflow of uplink.subflows) this.#tellLimit(uplink, subflow);
  }

  searchPaths(uplinkName: string, count: number, most: number): void {
    this.named(uplinkName).pathSearch.want(count, most);
  }

  add(subflow: Subflow<Uplink>): void {
    const { uplink } = subflow;
    uplink.add(subflow);
    if (uplink.rateLimit.mustBeTold) this.#tellLimit(uplink, subflow);
  }

  remove(subflow: Subflow<Uplink>): void {
    const { uplink } = subflow;
    uplink.remove(subflow);
    this.#forgetLimit(uplink);
  }

  /** Datagrams have a path more on an uplink, */
  addPath(uplink: Uplink, path: SampledPath): void {
    uplink.addPath(path);
  }

  /** and one less. */
  removePath(uplink: Uplink, path: SampledPath): void {
    uplink.removePath(path);
    this.#forgetLimit(uplink);
  }

  /** Works off what time has brought to the rate limits. */
  refresh(): void {
    for (const { rateLimit } of this.#byName.values()) rateLimit.refresh();
  }

  /** Samples how full the uplinks are, and judges from time to time how many subflows they should have; cheap in between. */
  reviewWishes(): void {
    const nowMs = this.#now.ms;
    if (nowMs < this.#nextWishSampleMs) return;
    this.#nextWishSampleMs = nowMs + this.#tuning.review.sampleMs;
    for (const uplink of this.#byName.values()) this.#sample(uplink);
    const durationMs = nowMs - this.#wishesReviewedMs;
    if (durationMs < this.#tuning.review.wishMs) return;
    this.#wishesReviewedMs = nowMs;
    for (const uplink of this.#byName.values()) this.#reviewWish(uplink, durationMs);
  }

  /** The same for how much use is made of them. */
  reviewUtilization(): void {
    const nowMs = this.#now.ms;
    if (nowMs < this.#nextUseSampleMs) return;
    this.#nextUseSampleMs = nowMs + this.#tuning.review.sampleMs;
    for (const { lasting, paths, utilization } of this.#byName.values()) {
      if (lasting.length > 0) utilization.sample(lasting, paths);
    }
    const durationMs = nowMs - this.#useReviewedMs;
    if (durationMs < this.#tuning.utilization.reviewMs) return;
    this.#useReviewedMs = nowMs;
    for (const uplink of this.#byName.values()) this.#reviewUse(uplink, durationMs);
    this.#forgetIdle();
  }

  // --- from the peer ---

  /** Client: the concentrator would like so many subflows on an uplink. */
  onWish({ uplink }: Subflow<Uplink>, count: number): void {
    uplink.wish.onPeerWish(count);
    this.#tellWanted(uplink);
  }

  /** Client: how much the concentrator makes use of an uplink. */
  onUtilization({ uplink }: Subflow<Uplink>, percent: number): void {
    uplink.utilization.onPeerReport(percent);
  }

  /** Concentrator: what the client allows on an uplink. */
  onRateLimit({ uplink }: Subflow<Uplink>, frame: RateLimitFrame): void {
    uplink.rateLimit.hear(frame);
  }

  // --- helpers ---

  #sample(uplink: Uplink): void {
    const { lasting, wish, pathSearch, utilization, isMetered } = uplink;
    if (lasting.length === 0) return;
    wish.sample(lasting);
    if (this.#host.role !== 'client') return;
    // A trial costs some bytes. What is known to take different paths needs none.
    const maySearch = !isMetered && lasting.every(({ path }) => path === lasting[0]!.path);
    const order = maySearch ? pathSearch.sample(lasting, utilization.peerShare) : pathSearch.breakOff();
    if (order !== undefined) this.#host.onPathSearch(uplink, order);
  }

  #reviewWish(uplink: Uplink, durationMs: number): void {
    const { lasting, wish } = uplink;
    const [first] = lasting;
    if (first === undefined) {
      if (wish.restart() && this.#host.role === 'client') this.#host.onSubflowsWanted(uplink, 1);
      return;
    }
    wish.review(lasting, durationMs);
    if (this.#host.role === 'client') {
      this.#tellWanted(uplink);
      return;
    }
    const count = wish.takeWish();
    if (count === undefined) return;
    this.#host.tellPeer(controlItem({ type: 'subflowsWish', subflowId: first.id, count }));
  }

  #tellWanted(uplink: Uplink): void {
    const count = uplink.wish.takeNews();
    if (count !== undefined) this.#host.onSubflowsWanted(uplink, count);
  }

  #reviewUse(uplink: Uplink, durationMs: number): void {
    const { lasting, utilization } = uplink;
    const [first] = lasting;
    if (first === undefined) {
      utilization.restart();
      return;
    }
    utilization.review(lasting, durationMs);
    if (this.#host.role === 'client') return;
    const percent = utilization.takeNews();
    if (percent === undefined) return;
    const isCurrent = () => utilization.toldPercent === percent;
    this.#host.tellPeer(controlItem({ type: 'utilization', subflowId: first.id, percent }, 1, isCurrent));
  }

  /** At the client a limit that was set holds for as long as the session lives. */
  #forgetIdle(): void {
    const idle = [...this.#byName.values()].filter(
      ({ isInUse, rateLimit, isParked }) => !isInUse && rateLimit.isNone && !isParked,
    );
    const surplus = idle.length - MAX_IDLE_UPLINKS;
    for (const [index, { name, idleMs }] of idle.entries()) {
      if (index < surplus || idleMs >= IDLE_MEMORY_MS) this.#byName.delete(name);
    }
  }

  /** Concentrator: the client says it again for the next subflow. */
  #forgetLimit({ isInUse, rateLimit }: Uplink): void {
    if (this.#host.role === 'concentrator' && !isInUse) rateLimit.forget();
  }

  #tellLimit({ rateLimit }: Uplink, { id }: Subflow): void {
    if (this.#host.role === 'concentrator') return;
    const { frame, isCurrent } = rateLimit.tell(id, ++this.#toldGeneration);
    this.#host.tellPeer(controlItem(frame, 2, isCurrent));
  }
}
