import type { ControlFrame } from '../codec/frame.ts';
import type { Subflow } from '../subflow/subflow.ts';
import { TokenBucket } from '../subflow/token-bucket.ts';
import { ACK_SHARE, LIMIT_LOOK_MS } from '../tunables.ts';

/** Most that an uplink may carry, bytes per second on the wire; 0 for no limit. */
export interface RateLimit {
  readonly sendBytesPerSecond: number;
  readonly receiveBytesPerSecond: number;
}

/** Rate limits by uplink (SPEC.md section 7, RATE_LIMIT): kept for what this end sends; the client tells the other half. */
export class RateLimits {
  readonly #role: 'client' | 'concentrator';
  readonly #tellPeer: (frame: ControlFrame, isCurrent: () => boolean) => void;
  readonly #buckets = new Map<string, TokenBucket>();
  /** Client: what the concentrator is told. */
  readonly #receive = new Map<string, number>();

  constructor(
    role: 'client' | 'concentrator',
    tellPeer: (frame: ControlFrame, isCurrent: () => boolean) => void,
  ) {
    this.#role = role;
    this.#tellPeer = tellPeer;
  }

  /** Client: from now on, for all subflows that the uplink has and will have. */
  set(uplinkName: string, limit: RateLimit, subflows: readonly Subflow[], nowMs: number): void {
    this.#limitSending(uplinkName, limit.sendBytesPerSecond, subflows, nowMs);
    if ((this.#receive.get(uplinkName) ?? 0) === limit.receiveBytesPerSecond) return;
    this.#receive.set(uplinkName, limit.receiveBytesPerSecond);
    for (const subflow of subflows) if (subflow.uplinkName === uplinkName) this.#tell(subflow);
  }

  onAdded(subflow: Subflow): void {
    subflow.limit = this.#buckets.get(subflow.uplinkName);
    if (this.#receive.get(subflow.uplinkName)) this.#tell(subflow);
  }

  /** `subflows` are those that are left. The client says it again for the next one, so the concentrator may forget. */
  onRemoved({ uplinkName }: Subflow, subflows: readonly Subflow[]): void {
    if (this.#role === 'client' || subflows.some((other) => other.uplinkName === uplinkName)) return;
    this.#buckets.delete(uplinkName);
  }

  /** Concentrator: the client says what may be sent on the uplink of this subflow. */
  onPeerLimit(
    { uplinkName }: Subflow,
    bytesPerSecond: number,
    subflows: readonly Subflow[],
    nowMs: number,
  ): void {
    this.#limitSending(uplinkName, bytesPerSecond, subflows, nowMs);
  }

  refresh(nowMs: number): void {
    for (const bucket of this.#buckets.values()) bucket.refresh(nowMs);
  }

  /** When an uplink that is held back may send again. */
  deadlineMs(nowMs: number): number {
    let waitMs = Number.POSITIVE_INFINITY;
    for (const bucket of this.#buckets.values()) {
      if (!bucket.isOpen) waitMs = Math.min(waitMs, bucket.waitMs);
    }
    return nowMs + Math.min(waitMs, waitMs === Number.POSITIVE_INFINITY ? waitMs : LIMIT_LOOK_MS);
  }

  #limitSending(
    uplinkName: string,
    bytesPerSecond: number,
    subflows: readonly Subflow[],
    nowMs: number,
  ): void {
    // What is repeated must not fill the bucket anew.
    if ((this.#buckets.get(uplinkName)?.bytesPerSecond ?? 0) === bytesPerSecond) return;
    const bucket = bytesPerSecond === 0 ? undefined : new TokenBucket(bytesPerSecond, nowMs);
    if (bucket === undefined) this.#buckets.delete(uplinkName);
    else this.#buckets.set(uplinkName, bucket);
    for (const subflow of subflows) if (subflow.uplinkName === uplinkName) subflow.limit = bucket;
  }

  #tell({ id, uplinkName }: Subflow): void {
    const bytesPerSecond = this.#receive.get(uplinkName)!;
    this.#tellPeer(
      { type: 'rateLimit', subflowId: id, bytesPerSecond },
      () => this.#receive.get(uplinkName) === bytesPerSecond,
    );
  }
}

/** The kernel's acknowledgements of `bytes` that arrived leave on the same uplink. */
export function spendOnAcknowledging({ limit }: Subflow, bytes: number): void {
  limit?.spend(bytes * ACK_SHARE);
}
