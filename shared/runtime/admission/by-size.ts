/** Keeps items by their sizes, so that the largest is found without a search. */
export class BySize<Item> {
  /** The items of each size, those that have had it for longest first. */
  readonly #sets = new Map<number, Set<Item>>();
  #largest = 0;

  /** One of the largest; undefined when there is none. */
  get largest(): Item | undefined {
    const [item] = this.#sets.get(this.#largest) ?? [];
    return item;
  }

  /** An item has another size now; 0 takes it out. Costs a step, or the steps that earlier calls took upwards. */
  move(item: Item, from: number, to: number): void {
    const left = this.#sets.get(from);
    left?.delete(item);
    if (left?.size === 0) this.#sets.delete(from);
    if (to > 0) {
      const set = this.#sets.get(to);
      if (set === undefined) this.#sets.set(to, new Set([item]));
      else set.add(item);
    }
    if (to > this.#largest) this.#largest = to;
    while (this.#largest > 0 && !this.#sets.has(this.#largest)) this.#largest--;
  }
}
