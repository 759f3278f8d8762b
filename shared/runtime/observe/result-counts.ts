/** How often something ended with each result; the results are few, as the names of errors are. */
export class ResultCounts {
  readonly #counts = new Map<string, number>();

  /** @param results told as 0 from the beginning */
  constructor(...results: readonly string[]) {
    for (const result of results) this.#counts.set(result, 0);
  }

  add(result: string): void {
    this.#counts.set(result, (this.#counts.get(result) ?? 0) + 1);
  }

  entries(): IterableIterator<[result: string, count: number]> {
    return this.#counts.entries();
  }
}
