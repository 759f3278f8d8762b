import type { Now } from '../../now.ts';
import type { SampledPath } from '../../uplink/utilization.ts';
import type { QueuedPath } from './path-queue.ts';

/** The path whose use is told. */
export interface FilledPath extends QueuedPath {
  /** Validated, and not silent. */
  readonly isUsable: boolean;
  /** It has met its limit of late. */
  readonly isRateLimited: boolean;
  readonly queue: { readonly pipeMs: number };
}

/**
 * How much of what one path carries is made use of. Jitter looks like a limit, too, and would make each call fill its path: so a path counts
 * only once it had no room for a datagram, and for as long as what fills it is under way.
 */
export class PathUse implements SampledPath {
  readonly #path: FilledPath;
  readonly #now: Now;
  #fullMs = Number.NEGATIVE_INFINITY;

  constructor(path: FilledPath, now: Now) {
    this.#path = path;
    this.#now = now;
  }

  /** There was no room on it for a datagram. */
  onFull(): void {
    this.#fullMs = this.#now.ms;
  }

  /** The share of what fills it that is under way now, up to 1; 0 where it was not full of late. */
  sample(): number {
    const { isUsable, isRateLimited, inFlightBytes, bytesPerSecond, queue } = this.#path;
    if (!isUsable || !isRateLimited || this.#now.ms - this.#fullMs > FULL_MEMORY_MS) return 0;
    const share = Math.min(1, (inFlightBytes * 1000) / (bytesPerSecond * queue.pipeMs));
    // Once another uplink helps out, there is room.
    if (share >= STAYS_FULL_SHARE) this.#fullMs = this.#now.ms;
    return share;
  }
}

/** QUIC halves its window when it meets a limit, and takes some seconds until it meets it again. */
const FULL_MEMORY_MS = 10_000;
const STAYS_FULL_SHARE = 0.9;
