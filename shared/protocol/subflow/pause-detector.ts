export interface PauseTuning {
  /** Silence from this on, where receipts come in a steady stream, is a pause of the path, and no part of its rate. */
  readonly silenceMs: number;
  /** Signs of life for less than this are no stream: one packet brings an acknowledgement, and a receipt some milliseconds later. */
  readonly streamMs: number;
  /**
   * Meanwhile the path is asked this often. What passes first after a pause tells the kernel at once what was lost; its own
   * time-out would come later. The more packets follow a pause, the larger a window the kernel starts from.
   */
  readonly pingMs: number;
  /**
   * Payload that stops arriving for so long is asked about, once. Earlier, the question would be lost in everyday pauses, and what
   * follows would wait behind it for the kernel's time-out.
   */
  readonly arrivalSilenceMs: number;
  /** So long after a pause the path is compared with what it was: the kernels have sent again by then what was lost. */
  readonly comparisonMs: number;
}

export const PAUSE_TUNING: PauseTuning = {
  silenceMs: 50,
  streamMs: 20,
  pingMs: 10,
  arrivalSilenceMs: 150,
  comparisonMs: 500,
};

/**
 * Notices that a path stands still: neither receipts nor acknowledgements come, though there was a stream of them. Where they are
 * far apart anyway, as on a very slow path, nothing is a pause.
 */
export class PauseDetector {
  readonly #tuning: PauseTuning;
  #lastSignMs = Number.NEGATIVE_INFINITY;
  /** Since when signs of life have come in a stream. */
  #streamSinceMs = Number.NEGATIVE_INFINITY;

  constructor(tuning: PauseTuning) {
    this.#tuning = tuning;
  }

  /** A sign of life came at `atMs`. */
  onSign(atMs: number): void {
    if (atMs <= this.#lastSignMs) return;
    if (atMs - this.#lastSignMs > this.#tuning.silenceMs) this.#streamSinceMs = atMs;
    this.#lastSignMs = atMs;
  }

  /**
   * @param atMs when there is a sign of life again, or now
   * @param dueMs when what is under way should have been answered
   * @returns for how long, in milliseconds, the path has stood still by then; 0 if it has not
   */
  pauseMs(atMs: number, dueMs: number): number {
    if (!this.#isStream) return 0;
    const silentMs = atMs - Math.max(this.#lastSignMs, dueMs);
    return silentMs > this.#tuning.silenceMs ? silentMs : 0;
  }

  /** When there was the last sign; undefined where they did not come in a stream. */
  get streamEndMs(): number | undefined {
    return this.#isStream ? this.#lastSignMs : undefined;
  }

  get #isStream(): boolean {
    // Also where there was none: that is no number.
    return this.#lastSignMs - this.#streamSinceMs >= this.#tuning.streamMs;
  }
}
