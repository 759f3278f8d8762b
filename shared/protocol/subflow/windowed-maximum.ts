import type { Now } from '../now.ts';

interface Sample {
  readonly value: number;
  readonly atMs: number;
}

/**
 * The largest value seen in a sliding window of time. Keeps the descending chain of candidates, at most MAX_CANDIDATES
 * of them: the newest value, and each older one that is larger than all after it.
 */
export class WindowedMaximum {
  readonly #now: Now;
  #candidates: Sample[] = [];

  constructor(now: Now) {
    this.#now = now;
  }

  get value(): number {
    return this.#candidates[0]?.value ?? 0;
  }

  add(value: number, windowMs: number): void {
    const candidates = this.#candidates;
    while (candidates.length > 0 && this.#now.ms - candidates[0]!.atMs > windowMs) candidates.shift();
    while (candidates.length > 0 && candidates.at(-1)!.value <= value) candidates.pop();
    // At the bound a value smaller than all others is left out: it would count only after all of them.
    if (candidates.length < MAX_CANDIDATES) candidates.push({ value, atMs: this.#now.ms });
  }

  /** So much time has passed in which there was nothing to see: it does not age what was seen before. */
  postpone(ms: number): void {
    this.#candidates = this.#candidates.map(({ value, atMs }) => ({ value, atMs: atMs + ms }));
  }

  reset(): void {
    this.#candidates = [];
  }
}

const MAX_CANDIDATES = 16;
