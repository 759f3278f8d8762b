/** Width of the buckets of {@link ArrivalRecord}. */
export const BUCKET_MS = 10;
/** Shorter silences are not listed: packets of the slowest links come this far apart. */
const MIN_GAP_MS = 20;
/** Longer transfers are not recorded further: 200 s. */
const MAX_BUCKETS = 20_000;

/** Bytes of one transfer as they came to the application. Times are of the machine's monotonic clock. */
export interface ArrivalRecord {
  bytes: number;
  firstAtMs: number;
  lastAtMs: number;
  /** When it ended; silence up to then counts. */
  endedAtMs: number;
  /** Bytes in each {@link BUCKET_MS} since the first byte. */
  buckets: number[];
  /** Silences longer than {@link MIN_GAP_MS}: start since the first byte, and length. */
  gaps: [atMs: number, lengthMs: number][];
}

/** What is told of a transfer when it is over. */
export interface Transfer extends ArrivalRecord {
  /** Whether all bytes were those expected, in order. */
  isExact: boolean;
  /** How it failed. */
  error?: string;
}

/** Records arriving bytes over time. */
export class Arrivals {
  bytes = 0;
  /** Of the first byte; 0 before. */
  firstAtMs = 0;
  readonly #buckets: number[] = [];
  readonly #gaps: [number, number][] = [];
  #lastAtMs = 0;

  add(bytes: number): void {
    const now = monotonicMs();
    if (this.bytes === 0) this.firstAtMs = now;
    else this.#silence(now);
    this.#lastAtMs = now;
    this.bytes += bytes;
    const index = Math.floor((now - this.firstAtMs) / BUCKET_MS);
    if (index >= MAX_BUCKETS) return;
    while (this.#buckets.length <= index) this.#buckets.push(0);
    this.#buckets[index]! += bytes;
  }

  end(): ArrivalRecord {
    const now = monotonicMs();
    if (this.bytes > 0) this.#silence(now);
    return {
      bytes: this.bytes,
      firstAtMs: this.firstAtMs,
      lastAtMs: this.#lastAtMs,
      endedAtMs: now,
      buckets: this.#buckets,
      gaps: this.#gaps,
    };
  }

  #silence(now: number): void {
    const length = now - this.#lastAtMs;
    if (length > MIN_GAP_MS) this.#gaps.push([this.#lastAtMs - this.firstAtMs, length]);
  }
}

/** The same in all processes of a machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
