/** At this rate what a dial costs each second, some 60 bytes, is a third of a percent. */
const BUSY_BYTES_PER_SECOND = 20_000;
/** Rates are those of so long at least. */
const SPAN_MS = 400;

/** Whether a session carries much at present. */
export class SessionLoad {
  #isBusy = false;
  #carriedBytes = 0;
  #sinceMs = Number.NEGATIVE_INFINITY;

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** @param carriedBytes since the session began, both ways @returns whether it has become busy */
  review(carriedBytes: number, nowMs: number): boolean {
    const spanMs = nowMs - this.#sinceMs;
    if (spanMs < SPAN_MS) return false;
    const wasBusy = this.#isBusy;
    this.#isBusy = ((carriedBytes - this.#carriedBytes) * 1000) / spanMs >= BUSY_BYTES_PER_SECOND;
    this.#carriedBytes = carriedBytes;
    this.#sinceMs = nowMs;
    return this.#isBusy && !wasBusy;
  }
}
