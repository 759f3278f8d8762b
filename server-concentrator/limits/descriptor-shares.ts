import type { PlaceBounds } from '../../shared/runtime/async/shared-places.ts';

/** Names that are looked up at a time: name servers answer no faster for more. */
const MAX_NAMES = 256;
/** Two questions to three name servers are as many sockets, where none of these answers; others need some, too. */
const RESERVED_FOR_NAME = 8;

/** What a client may hold, in multiples of what nobody holds. So one client leaves a quarter to the others. */
const SHARE_OF_FREE = 3;

/** A process has few other descriptors: listeners, log, metrics, and a socket or two for each name that is looked up. */
const MIN_RESERVE = 64;
/** Beside these: subflows, and as many connections in their handshake as the listener takes. */
const RESERVED_SHARE = 0.25;
const MAX_RESERVE = 4096;

/** How many of a process's descriptors origins may have: what is left are subflows, handshakes, names, metrics. */
export function originDescriptors(limit: number): number {
  const reserve = Math.min(MAX_RESERVE, Math.max(MIN_RESERVE, Math.floor(limit * RESERVED_SHARE)));
  return Math.max(1, limit - reserve);
}

/** Share of these that may be connection attempts at a time, and of those the share of one client. */
const DIALLING_SHARE = 0.25;

/** Places for connection attempts to origins, which are descriptors too. */
export function dialPlaces(originDescriptors: number, dialsPerClient: number): PlaceBounds {
  const total = Math.max(1, Math.floor(originDescriptors * DIALLING_SHARE));
  return { total, perOwner: Math.min(dialsPerClient, Math.max(1, Math.floor(total * DIALLING_SHARE))) };
}

/** Places for names that are looked up; one client has half of them at most. */
export function namePlaces(limit: number, namesPerClient: number): PlaceBounds {
  const reserved = limit - originDescriptors(limit);
  const total = Math.max(2, Math.min(MAX_NAMES, Math.floor(reserved / RESERVED_FOR_NAME)));
  return { total, perOwner: Math.min(namesPerClient, Math.floor(total / 2)) };
}

/**
 * Shares the descriptors for origins out among clients. A client may have up to three times what is free, so nobody can take
 * all: one alone gets three quarters, two together six sevenths.
 */
export class DescriptorShares {
  readonly #total: number;
  readonly #heldBy = new Map<string, number>();
  #held = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** For all clients together. */
  get total(): number {
    return this.#total;
  }

  /** What a client is told that may take none. */
  get refusal(): string {
    const free = this.#total - this.#held;
    return `too many connections: ${free} of the ${this.#total} that this process may have to origins are left`;
  }

  mayTake(clientId: string): boolean {
    return this.#heldOf(clientId) < SHARE_OF_FREE * (this.#total - this.#held);
  }

  /** Counts one descriptor. @returns to be called once, when it is closed */
  take(clientId: string): () => void {
    this.#held++;
    this.#heldBy.set(clientId, this.#heldOf(clientId) + 1);
    return () => {
      this.#held--;
      const left = this.#heldOf(clientId) - 1;
      if (left > 0) this.#heldBy.set(clientId, left);
      else this.#heldBy.delete(clientId);
    };
  }

  #heldOf(clientId: string): number {
    return this.#heldBy.get(clientId) ?? 0;
  }
}
