import type { Now } from '../now.ts';
import type { HostLag } from './host-lag.ts';

/** What a subflow said of the hosts counts for so long. */
const SAID_MS = 1_000;

/**
 * How late the hosts of a session are: the least of what its subflows say. The hosts are the same for all of them; one that says more has a
 * path of its own kind.
 */
export class SharedHostLag {
  readonly #now: Now;
  readonly #saidAtMs = new Map<HostLag, number>();
  #ms = 0;

  constructor(now: Now) {
    this.#now = now;
  }

  get ms(): number {
    return this.#ms;
  }

  /** A subflow knows more. */
  onNews(lag: HostLag): void {
    const ms = lag.usualMostMs;
    if (ms === undefined) return;
    this.#saidAtMs.set(lag, this.#now.ms);
    let least = ms;
    for (const [other, atMs] of this.#saidAtMs) {
      if (this.#now.ms - atMs > SAID_MS) this.#saidAtMs.delete(other);
      else least = Math.min(least, other.usualMostMs ?? least);
    }
    this.#ms = least;
  }
}
