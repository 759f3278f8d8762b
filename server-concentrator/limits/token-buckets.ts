import type { MonotonicClock } from '../../shared/runtime/clock.ts';

export interface Rate {
  readonly perSecond: number;
  /** Most that may be taken at once after a pause. */
  readonly burst: number;
}

/** After a restart all sessions of a client come back at once, each with all of its subflows: 8 times 32 by default. */
const JOIN_BURST_SECONDS = 16;

/** The rate of HELLO and JOIN. */
export function joinRate(perSecond: number): Rate {
  return { perSecond, burst: perSecond * JOIN_BURST_SECONDS };
}

interface Bucket {
  tokens: number;
  refilledMs: number;
}

/** A token bucket for each client: as many as there are ids in the list of clients. */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #clock: MonotonicClock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate, clock: MonotonicClock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Takes a token. @returns false where there is none */
  tryTake(clientId: string): boolean {
    const bucket = this.#refilled(clientId);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Gives back a part of what was taken. */
  giveBack(clientId: string, tokens: number): void {
    const bucket = this.#refilled(clientId);
    bucket.tokens = Math.min(this.#rate.burst, bucket.tokens + tokens);
  }

  /** How long until there is a token again, in milliseconds. */
  waitMs(clientId: string): number {
    const { tokens } = this.#refilled(clientId);
    return Math.max(0, ((1 - tokens) * 1_000) / this.#rate.perSecond);
  }

  #refilled(clientId: string): Bucket {
    const nowMs = this.#clock();
    const { perSecond, burst } = this.#rate;
    let bucket = this.#buckets.get(clientId);
    if (bucket === undefined) {
      bucket = { tokens: burst, refilledMs: nowMs };
      this.#buckets.set(clientId, bucket);
    }
    const earned = (Math.max(0, nowMs - bucket.refilledMs) * perSecond) / 1_000;
    bucket.tokens = Math.min(burst, bucket.tokens + earned);
    bucket.refilledMs = nowMs;
    return bucket;
  }
}
