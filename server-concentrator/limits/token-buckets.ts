import { type Rate, TokenBucket } from '../../shared/runtime/async/token-bucket.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { RestingTable } from '../../shared/runtime/resting-table.ts';

/** After a restart all sessions of a client come back at once, each with all of its subflows: 8 times 32 by default. */
const JOIN_BURST_SECONDS = 16;

/** The rate of HELLO and JOIN. */
export function joinRate(perSecond: number): Rate {
  return { perSecond, burst: perSecond * JOIN_BURST_SECONDS };
}

/** A token bucket for each client. Those that are full again are forgotten, so that there are no more than clients that were busy of late. */
export class TokenBuckets {
  readonly #buckets: RestingTable<TokenBucket>;

  constructor(rate: Rate, clock: MonotonicClock) {
    this.#buckets = new RestingTable(
      () => new TokenBucket(rate, clock),
      ({ available }) => available >= rate.burst,
    );
  }

  /** The client's bucket, for now: ask again next time. */
  of(clientId: string): TokenBucket {
    return this.#buckets.of(clientId);
  }
}
