import type { Now } from '../../now.ts';

/** Bytes per second of late: the past counts less and less. */
export class ByteRate {
  readonly #now: Now;
  #bytesPerSecond = 0;
  #atMs: number;

  constructor(now: Now) {
    this.#now = now;
    this.#atMs = now.ms;
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond * Math.exp((this.#atMs - this.#now.ms) / MEMORY_MS);
  }

  add(bytes: number): void {
    this.#bytesPerSecond = this.bytesPerSecond + (bytes * 1000) / MEMORY_MS;
    this.#atMs = this.#now.ms;
  }
}

/** After so long the past counts a third: a burst of ten packets is no rate. */
const MEMORY_MS = 500;
