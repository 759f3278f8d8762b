import { type Rate, TokenBucket } from '../../shared/runtime/async/token-bucket.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';

/** After a restart all sessions of a client come back at once, each with all of its subflows: 8 times 32 by default. */
const JOIN_BURST_SECONDS = 16;

/** The rate of HELLO and JOIN. */
export function joinRate(perSecond: number): Rate {
  return { perSecond, burst: perSecond * JOIN_BURST_SECONDS };
}

/** A token bucket for each client: as many as there are ids in the list of clients. */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #clock: MonotonicClock;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: Rate, clock: MonotonicClock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** The client's bucket; a full one where it has none yet. */
  of(clientId: string): TokenBucket {
    let bucket = this.#buckets.get(clientId);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#rate, this.#clock);
      this.#buckets.set(clientId, bucket);
    }
    return bucket;
  }
}
