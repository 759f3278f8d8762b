/** What is measured, in the order of measuring; of each the number of uplinks at work. */
export interface Planned {
  readonly uplinks: number;
}

/** With fewer bytes nothing can be said of an uplink's speed. */
export const LEAST_BYTES = 256 * 1024;

/** Shares out the bytes of a test: each measurement by the uplinks that it uses; what one leaves over is for those that follow. */
export class Budget {
  #leftBytes: number;
  #leftUplinks: number;
  #usedBytes = 0;

  constructor(bytes: number, plan: readonly Planned[]) {
    this.#leftBytes = bytes;
    this.#leftUplinks = plan.reduce((sum, { uplinks }) => sum + uplinks, 0);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The most that the next measurement may carry. */
  next({ uplinks }: Planned): number {
    const share = uplinks / Math.max(uplinks, this.#leftUplinks);
    this.#leftUplinks -= uplinks;
    return Math.floor(this.#leftBytes * share);
  }

  use(bytes: number): void {
    this.#usedBytes += bytes;
    this.#leftBytes = Math.max(0, this.#leftBytes - bytes);
  }
}
