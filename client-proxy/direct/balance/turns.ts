/**
 * Gives turns in proportion to weights, spread evenly: of 2 and 1 it makes A B A, not A A B (start-time fair queueing, Goyal
 * et al. 1996, with turns in place of packets).
 */
export class Turns {
  /** When the next turn of each is due; bounded by the uplinks that there are. */
  readonly #due = new Map<string, number>();
  #now = 0;

  /** When the next turn of this one is due: whose is lowest is next. One that had none for long does not catch up. */
  dueOf(name: string): number {
    return Math.max(this.#due.get(name) ?? 0, this.#now);
  }

  /** It has had a turn. @param weight above 0 */
  take(name: string, weight: number): void {
    this.#now = this.dueOf(name);
    this.#due.set(name, this.#now + 1 / weight);
  }

  /** Only these are there any more. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#due.keys()) if (!names.has(name)) this.#due.delete(name);
  }
}
