import type { Now } from '../../../now.ts';
import { deliveryTimeMs, least } from '../../../scheduler/delivery-time.ts';
import type { LimitedView } from '../../../scheduler/uplink-limits.ts';
import type { Subflow } from '../../../subflow/subflow.ts';
import type { Uplink } from '../../../uplink/uplink.ts';
import { type DatagramPath, provenBytesPerSecond } from '../../path/datagram-path.ts';

/** What a datagram can leave on, as the modes see it. Rates in bytes per second, times in milliseconds. */
export interface FlowView extends LimitedView {
  readonly uplink: Uplink;
  readonly kind: 'path' | 'frames';
  /** Feedback is late there: it may have failed. */
  readonly isLate: boolean;
  /** It has stood still of late, loses packets, or takes now shorter, now longer: a small flow is better sent twice. */
  readonly isUnsteady: boolean;
  /** How long what is queued there would take, as far as one can tell. */
  readonly queueMs: number;
  /** What it carries is known: it has met its limit, or its subflows have. Otherwise it is a guess, by what it was given. */
  readonly isRateKnown: boolean;
  /** What would be under way there with so much more, over what fills it at this rate; from 1 on a queue grows. */
  fillShare(bytes: number, bytesPerSecond: number): number;
  /** Until a datagram that leaves now would arrive. */
  deliveryMs(bytes: number): number;
  /** Whether one more would not wait for long: it is as good as others. */
  hasRoom(bytes: number): boolean;
  /** Whether it may be used nevertheless where no other is better. @param isSmall of a small flow: a flood of others must not drop a call */
  takes(bytes: number, isSmall?: boolean): boolean;
}

export interface QueueTuning {
  /** An uplink that has more than this queued, by what it carries, takes no more: a datagram that late is worth nothing, */
  readonly mostMs: number;
  /** once that has lasted for so long: bursts pass (CoDel, RFC 8289, has the same), */
  readonly lastsMs: number;
  /** or at once where it is this many times as much. */
  readonly mostRatio: number;
  /** A small flow is given up only at this many times as much: it is others that fill the uplink. */
  readonly smallRatio: number;
  /** But for a burst as applications begin with: QUIC's ten packets (RFC 9002 section 7.2), with some room. */
  readonly burstBytes: number;
}

export interface UnsteadyTuning {
  /** A path that loses more than this share is unsteady, */
  readonly lossShare: number;
  /** and one whose round trips differ by more than this on average, */
  readonly jitterMs: number;
  /** or by this share of the smallest. */
  readonly jitterShare: number;
}

/** A path as flows see it. */
export class PathView implements FlowView {
  readonly kind = 'path';
  readonly path: DatagramPath;
  readonly #now: Now;
  readonly #queue: QueueTuning;
  readonly #unsteady: UnsteadyTuning;
  /** When it was full last, and since when. */
  #fullMs = Number.NEGATIVE_INFINITY;
  #fullSinceMs = Number.NEGATIVE_INFINITY;

  constructor(path: DatagramPath, now: Now, queue: QueueTuning, unsteady: UnsteadyTuning) {
    this.path = path;
    this.#now = now;
    this.#queue = queue;
    this.#unsteady = unsteady;
  }

  get uplink(): Uplink {
    return this.path.uplink;
  }

  get isLate(): boolean {
    return this.path.liveness.isLate;
  }

  get isUnsteady(): boolean {
    const { liveness, lossShare, times } = this.path;
    const { lossShare: mostLoss, jitterMs, jitterShare } = this.#unsteady;
    if (liveness.isUnsteady || lossShare > mostLoss) return true;
    return times.jitterMs > Math.max(jitterMs, jitterShare * times.minMs);
  }

  get delayMs(): number {
    return this.path.times.currentMs;
  }

  get minRttMs(): number {
    return this.path.times.minMs;
  }

  get lossShare(): number {
    return this.path.lossShare;
  }

  get rateBytesPerSecond(): number {
    return this.path.bytesPerSecond;
  }

  get inFlightBytes(): number {
    return this.path.inFlightBytes;
  }

  get queueMs(): number {
    return this.path.queue.ownMs;
  }

  get isRateKnown(): boolean {
    return this.path.isRateLimited || provenBytesPerSecond(this.uplink) > 0;
  }

  fillShare(bytes: number, bytesPerSecond: number): number {
    return ((this.inFlightBytes + bytes) * 1000) / (bytesPerSecond * this.path.queue.pipeMs);
  }

  deliveryMs(bytes: number): number {
    const { path, uplink } = this;
    const sendingMs = path.queue.ms + (bytes * 1000) / path.bytesPerSecond;
    return (uplink.bucket?.debtMs ?? 0) + sendingMs + this.minRttMs / 2;
  }

  hasRoom(bytes: number): boolean {
    const isFull = this.#fullness(bytes) > 1;
    if (isFull) this.path.use.onFull();
    return this.#heldBack <= 1 && !isFull;
  }

  takes(bytes: number, isSmall = false): boolean {
    const { lastsMs, mostRatio, smallRatio } = this.#queue;
    const fullness = this.#fullness(bytes);
    const most = isSmall ? smallRatio : 1;
    if (this.#heldBack > most) return false;
    if (fullness <= most) return true;
    this.path.use.onFull();
    const nowMs = this.#now.ms;
    // Nobody asked in between: it had room.
    if (nowMs - this.#fullMs > lastsMs / 2) this.#fullSinceMs = nowMs;
    this.#fullMs = nowMs;
    return fullness <= mostRatio && nowMs - this.#fullSinceMs < lastsMs;
  }

  /** What the rate limit holds a datagram back for over what it may. */
  get #heldBack(): number {
    const { bucket } = this.uplink;
    return bucket === undefined ? 0 : bucket.debtMs / this.#mostMs(bucket.bytesPerSecond);
  }

  /** What would be queued over what may be. */
  #fullness(bytes: number): number {
    // Only where both tell of a queue, and nothing is the matter: what is under way in a pause is none.
    const isQueued = this.path.isRateLimited && this.delayMs - this.minRttMs >= this.#queue.mostMs;
    if (!isQueued || this.isLate) return 0;
    const rate = this.rateBytesPerSecond;
    return (this.path.queue.ownMs + (bytes * 1000) / rate) / this.#mostMs(rate);
  }

  #mostMs(bytesPerSecond: number): number {
    const { mostMs, burstBytes } = this.#queue;
    return Math.max(mostMs, (burstBytes * 1000) / bytesPerSecond);
  }
}

/** An uplink whose subflows stand in, since UDP does not pass there, or not yet. */
export class FramesView implements FlowView {
  readonly kind = 'frames';
  readonly isLate = false;
  readonly isUnsteady = false;
  readonly isRateKnown = true;
  readonly queueMs = 0;
  readonly uplink: Uplink;
  readonly #subflow: Subflow;

  constructor(uplink: Uplink, subflow: Subflow) {
    this.uplink = uplink;
    this.#subflow = subflow;
  }

  get delayMs(): number {
    return this.#subflow.delayMs;
  }

  get minRttMs(): number {
    return this.#subflow.minRttMs;
  }

  get lossShare(): number {
    return this.#subflow.lossShare;
  }

  get rateBytesPerSecond(): number {
    return this.#subflow.rateBytesPerSecond;
  }

  get inFlightBytes(): number {
    return this.#subflow.inFlightBytes;
  }

  fillShare(): number {
    return 0;
  }

  deliveryMs(bytes: number): number {
    return deliveryTimeMs(this.#subflow, bytes);
  }

  /** The queue of frames drops the oldest by itself. */
  hasRoom(): boolean {
    return true;
  }

  takes(): boolean {
    return true;
  }
}

/** The view of an uplink's best active subflow; undefined where none is active. */
export function framesView(uplink: Uplink): FramesView | undefined {
  const active = uplink.subflows.filter(({ state }) => state === 'active');
  const best = least(active, (subflow) => deliveryTimeMs(subflow, 0));
  return best && new FramesView(uplink, best);
}

/** Of those that may be used, the one on which a datagram would arrive first; undefined where none may. */
export function earliestTaking(
  views: readonly FlowView[],
  { bytes, isSmall }: { readonly bytes: number; readonly isSmall: boolean },
): FlowView | undefined {
  return least(
    views.filter((view) => view.takes(bytes, isSmall)),
    (view) => view.deliveryMs(bytes),
  );
}

/** Of those with room, the one on which a datagram would arrive first; undefined where none has. */
export function earliestView(views: readonly FlowView[], bytes: number): FlowView | undefined {
  return leastWithRoom(views, bytes, (view) => view.deliveryMs(bytes));
}

/** Of those with room, the one for which this is least. */
export function leastWithRoom(
  views: readonly FlowView[],
  bytes: number,
  cost: (view: FlowView) => number,
): FlowView | undefined {
  return least(
    views.filter((view) => view.hasRoom(bytes)),
    cost,
  );
}
