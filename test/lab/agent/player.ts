/** How a live video played. Times in milliseconds. */
export interface Playback {
  /** Media that had arrived and was not yet played, at the worst moment after the start; 0: it stalled. */
  leastBufferMs: number;
  /** How often the picture stood still. */
  stalls: number;
  stalledMs: number;
}

/** A player that starts when `bufferMs` of media are there, and stands still whenever there is none. */
export class Player {
  readonly #bufferMs: number;
  #arrivedMs = 0;
  #startedAtMs: number | undefined;
  readonly #playback: Playback = { leastBufferMs: Number.POSITIVE_INFINITY, stalls: 0, stalledMs: 0 };

  constructor(bufferMs: number) {
    this.#bufferMs = bufferMs;
  }

  /** So much media has arrived at `nowMs`. */
  add(mediaMs: number, nowMs: number): void {
    this.#play(nowMs);
    this.#arrivedMs += mediaMs;
    if (this.#arrivedMs >= this.#bufferMs) this.#startedAtMs ??= nowMs;
  }

  /** How it went up to the last arrival; undefined when it never started. */
  get playback(): Playback | undefined {
    return this.#startedAtMs === undefined ? undefined : { ...this.#playback };
  }

  #play(nowMs: number): void {
    if (this.#startedAtMs === undefined) return;
    const playedMs = nowMs - this.#startedAtMs - this.#playback.stalledMs;
    const bufferMs = this.#arrivedMs - playedMs;
    if (bufferMs < 0) {
      this.#playback.stalls++;
      this.#playback.stalledMs -= bufferMs;
    }
    this.#playback.leastBufferMs = Math.min(this.#playback.leastBufferMs, Math.max(0, bufferMs));
  }
}
