import type { ControlFrame } from '../codec/frame.ts';
import type { Now } from '../now.ts';
import type { Subflow } from '../subflow/subflow.ts';
import { TokenBucket } from '../subflow/token-bucket.ts';
import { ACK_SHARE, LIMIT_LOOK_MS } from '../tunables.ts';

/** Most that an uplink may carry, bytes per second on the wire; 0 for no limit. */
export interface RateLimit {
  readonly sendBytesPerSecond: number;
  readonly receiveBytesPerSecond: number;
  /** It costs by the byte: idle subflows stay quiet. */
  readonly isMetered: boolean;
}

export type RateLimitFrame = Extract<ControlFrame, { type: 'rateLimit' }>;

/** What an uplink may carry where nothing was said. */
export const NO_LIMIT: RateLimit = { sendBytesPerSecond: 0, receiveBytesPerSecond: 0, isMetered: false };

/** Rate limits by uplink (SPEC.md section 7, RATE_LIMIT): kept for what this end sends; the client tells the other half. */
export class RateLimits {
  readonly #now: Now;
  readonly #role: 'client' | 'concentrator';
  readonly #tellPeer: (frame: ControlFrame, isCurrent: () => boolean) => void;
  /** A concentrator knows of them only what it is to do itself. */
  readonly #limits = new Map<string, RateLimit>();
  readonly #buckets = new Map<string, TokenBucket>();
  /** Client: the last generation that was told. */
  #told = 0;
  /** Client: uplinks of which the concentrator may still know a limit, by a subflow that is gone here. */
  readonly #everTold = new Set<string>();
  /** Concentrator: the highest generation that was heard of an uplink. */
  readonly #heard = new Map<string, number>();

  constructor(
    role: 'client' | 'concentrator',
    tellPeer: (frame: ControlFrame, isCurrent: () => boolean) => void,
    now: Now,
  ) {
    this.#now = now;
    this.#role = role;
    this.#tellPeer = tellPeer;
  }

  /** From now on, for all subflows that the uplink has and will have. */
  set(uplinkName: string, limit: RateLimit, subflows: readonly Subflow[]): void {
    const before = this.#limitOf(uplinkName);
    if (limit === NO_LIMIT) this.#limits.delete(uplinkName);
    else this.#limits.set(uplinkName, limit);
    const own = subflows.filter((subflow) => subflow.uplinkName === uplinkName);
    // What is repeated must not fill the bucket anew.
    if (limit.sendBytesPerSecond !== before.sendBytesPerSecond) {
      if (limit.sendBytesPerSecond === 0) this.#buckets.delete(uplinkName);
      else this.#buckets.set(uplinkName, new TokenBucket(limit.sendBytesPerSecond, this.#now));
    }
    for (const subflow of own) this.#apply(subflow);
    if (isForPeer(limit, before)) for (const subflow of own) this.#tell(subflow, limit);
  }

  /** Concentrator: whether no newer limit of the uplink was heard; notes it. */
  isNews(uplinkName: string, generation: number): boolean {
    if (generation <= (this.#heard.get(uplinkName) ?? 0)) return false;
    this.#heard.set(uplinkName, generation);
    return true;
  }

  onAdded(subflow: Subflow): void {
    this.#apply(subflow);
    const limit = this.#limitOf(subflow.uplinkName);
    if (isForPeer(limit, NO_LIMIT) || this.#everTold.has(subflow.uplinkName)) this.#tell(subflow, limit);
  }

  /** `subflows` are those that are left. The client says it again for the next one, so the concentrator may forget. */
  onRemoved({ uplinkName }: Subflow, subflows: readonly Subflow[]): void {
    if (this.#role === 'client' || subflows.some((other) => other.uplinkName === uplinkName)) return;
    this.#limits.delete(uplinkName);
    this.#buckets.delete(uplinkName);
    this.#heard.delete(uplinkName);
  }

  refresh(): void {
    for (const bucket of this.#buckets.values()) bucket.refresh();
  }

  /** When an uplink that is held back may send again. */
  get deadlineMs(): number {
    let deadlineMs = Number.POSITIVE_INFINITY;
    for (const bucket of this.#buckets.values()) {
      if (!bucket.isOpen)
        deadlineMs = Math.min(deadlineMs, this.#now.ms + Math.min(bucket.waitMs, LIMIT_LOOK_MS));
    }
    return deadlineMs;
  }

  #limitOf(uplinkName: string): RateLimit {
    return this.#limits.get(uplinkName) ?? NO_LIMIT;
  }

  #apply(subflow: Subflow): void {
    subflow.limit = this.#buckets.get(subflow.uplinkName);
    subflow.isMetered = this.#limitOf(subflow.uplinkName).isMetered;
  }

  #tell({ id, uplinkName }: Subflow, limit: RateLimit): void {
    if (this.#role === 'concentrator') return;
    const { receiveBytesPerSecond: bytesPerSecond, isMetered: metered } = limit;
    const generation = ++this.#told;
    this.#everTold.add(uplinkName);
    this.#tellPeer(
      { type: 'rateLimit', subflowId: id, bytesPerSecond, metered, generation },
      () => !isForPeer(limit, this.#limitOf(uplinkName)),
    );
  }
}

/** The kernel's acknowledgements of `bytes` that arrived leave on the same uplink. */
export function spendOnAcknowledging({ limit }: Subflow, bytes: number): void {
  limit?.spendUnheld(bytes * ACK_SHARE);
}

/** Whether the half of it that the concentrator must know is another one than before. */
function isForPeer(limit: RateLimit, before: RateLimit): boolean {
  return limit.receiveBytesPerSecond !== before.receiveBytesPerSecond || limit.isMetered !== before.isMetered;
}
