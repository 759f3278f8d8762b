/** The time of the input that a session is working on, in milliseconds of one monotonic clock. */
export interface Now {
  readonly ms: number;
}

/** A session's one clock. The session advances it once for each input; everything else in the core only reads it. */
export class SessionClock implements Now {
  #ms: number;

  constructor(ms: number) {
    this.#ms = ms;
  }

  get ms(): number {
    return this.#ms;
  }

  /** A time before the present one is the present: inputs that are worked off late do not turn time back. */
  advance(ms: number): void {
    if (ms > this.#ms) this.#ms = ms;
  }
}
