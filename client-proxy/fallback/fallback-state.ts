/** What the fallback goes by. */
export interface Reachability {
  /** A session with the concentrator has a subflow that is heard. */
  readonly isReachable: boolean;
  /** An uplink is there that could carry connections without the concentrator. */
  readonly isDirectPossible: boolean;
}

/** Whether new connections go past a concentrator that cannot be reached. */
export class FallbackState {
  #afterMs: number;
  #unreachableSinceMs: number | undefined;
  #isActive = false;

  /** @param afterMs how long it must be unreachable; infinite: there is no fallback */
  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  /** When it is to be looked at again at the latest, by the clock of `look`; undefined where nothing is to be expected. */
  get dueMs(): number | undefined {
    if (this.#isActive || this.#unreachableSinceMs === undefined) return undefined;
    const dueMs = this.#unreachableSinceMs + this.#afterMs;
    return Number.isFinite(dueMs) ? dueMs : undefined;
  }

  configure(afterMs: number): void {
    this.#afterMs = afterMs;
  }

  /** @returns what that changes */
  look({ isReachable, isDirectPossible }: Reachability, nowMs: number): 'begun' | 'ended' | undefined {
    if (isReachable) this.#unreachableSinceMs = undefined;
    else this.#unreachableSinceMs ??= nowMs;
    const since = this.#unreachableSinceMs;
    const isWanted = since !== undefined && nowMs - since >= this.#afterMs;
    // Without any network it does not begin: who waits for the session waits for the network. But it goes on through a gap.
    const isActive = isWanted && (this.#isActive || isDirectPossible);
    if (isActive === this.#isActive) return undefined;
    this.#isActive = isActive;
    return isActive ? 'begun' : 'ended';
  }
}
