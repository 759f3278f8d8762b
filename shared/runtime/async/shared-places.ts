import type { CancelSignal } from './cancellation.ts';

export interface PlaceBounds {
  /** Places that all owners hold together. */
  readonly total: number;
  /** Places that one owner holds at a time. */
  readonly perOwner: number;
}

/** Gives a place back, or leaves the line. Harmless when called again. */
export type ReleasePlace = () => void;

interface Claim {
  readonly owner: string;
  readonly onGranted: () => void;
  state: 'waiting' | 'held' | 'over';
}

/**
 * Places for work under way that several owners share, such as clients. Where none is free, claims wait: those of one owner in
 * their order, and owners take turns, so that one with many claims does not hold up another with few.
 *
 * The lines are as long as their callers make them; whoever claims bounds that.
 */
export class SharedPlaces {
  readonly #bounds: PlaceBounds;
  readonly #onWait: (owner: string) => void;
  readonly #heldBy = new Map<string, number>();
  /** Owners with claims that wait. The first one's turn is next. */
  readonly #lines = new Map<string, Set<Claim>>();
  #held = 0;

  /** @param onWait called for each claim that has to wait, or is refused by `tryClaim` */
  constructor(bounds: PlaceBounds, onWait: (owner: string) => void = () => {}) {
    this.#bounds = bounds;
    this.#onWait = onWait;
  }

  /** How many claims of an owner wait. */
  waitingOf(owner: string): number {
    return this.#lines.get(owner)?.size ?? 0;
  }

  /** Claims a place. `onGranted` is called once, now or later, and not after the release. */
  claim(owner: string, onGranted: () => void): ReleasePlace {
    const claim: Claim = { owner, onGranted, state: 'waiting' };
    if (this.#mustWait(owner)) {
      this.#lineOf(owner).add(claim);
      this.#onWait(owner);
    } else {
      this.#grant(claim);
    }
    return () => this.#release(claim);
  }

  /** Waits for a place. @returns how to give it back. Rejects with the signal's reason. */
  take(owner: string, signal: CancelSignal): Promise<ReleasePlace> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        release();
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort);
      const release = this.claim(owner, () => {
        signal.removeEventListener('abort', onAbort);
        // Later, since it may be granted at once.
        resolve(() => release());
      });
    });
  }

  /** Claims a place that is free now. @returns undefined where none is */
  tryClaim(owner: string): ReleasePlace | undefined {
    if (!this.#mustWait(owner)) return this.claim(owner, () => {});
    this.#onWait(owner);
    return undefined;
  }

  /** Whether a claim of this owner would wait. */
  #mustWait(owner: string): boolean {
    return this.#held >= this.#bounds.total || this.#heldOf(owner) >= this.#bounds.perOwner;
  }

  #heldOf(owner: string): number {
    return this.#heldBy.get(owner) ?? 0;
  }

  #lineOf(owner: string): Set<Claim> {
    let line = this.#lines.get(owner);
    if (line === undefined) {
      line = new Set();
      this.#lines.set(owner, line);
    }
    return line;
  }

  #grant(claim: Claim): void {
    claim.state = 'held';
    this.#held++;
    this.#heldBy.set(claim.owner, this.#heldOf(claim.owner) + 1);
    claim.onGranted();
  }

  #release(claim: Claim): void {
    const { owner, state } = claim;
    claim.state = 'over';
    if (state === 'waiting') this.#leaveLine(claim);
    if (state !== 'held') return;
    this.#held--;
    const left = this.#heldOf(owner) - 1;
    if (left > 0) this.#heldBy.set(owner, left);
    else this.#heldBy.delete(owner);
    this.#grantWaiting();
  }

  #leaveLine(claim: Claim): void {
    const line = this.#lines.get(claim.owner);
    line?.delete(claim);
    if (line?.size === 0) this.#lines.delete(claim.owner);
  }

  #grantWaiting(): void {
    for (let owner = this.#nextOwner(); owner !== undefined; owner = this.#nextOwner()) {
      const line = this.#lineOf(owner);
      // To the end of the round.
      this.#lines.delete(owner);
      this.#lines.set(owner, line);
      const [claim] = line;
      this.#leaveLine(claim!);
      this.#grant(claim!);
    }
  }

  /** The first owner in the round that may have another place now. */
  #nextOwner(): string | undefined {
    for (const owner of this.#lines.keys()) if (!this.#mustWait(owner)) return owner;
    return undefined;
  }
}
