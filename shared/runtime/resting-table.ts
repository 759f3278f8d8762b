/** So many values are kept without a look at them. */
const FEW = 64;

/**
 * A value for each name, made when it is first asked for. One that is as good as new is forgotten when the values have become many: they
 * are looked at whenever there are twice as many as the last look has left. Nobody may hold one that is as good as new, or there would be two
 * of the same name.
 */
export class RestingTable<T> {
  readonly #byName = new Map<string, T>();
  readonly #make: (name: string) => T;
  readonly #isLikeNew: (value: T) => boolean;
  #lookAt = FEW;

  constructor(make: (name: string) => T, isLikeNew: (value: T) => boolean) {
    this.#make = make;
    this.#isLikeNew = isLikeNew;
  }

  of(name: string): T {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (this.#byName.size >= this.#lookAt) this.#forgetResting();
    const value = this.#make(name);
    this.#byName.set(name, value);
    return value;
  }

  #forgetResting(): void {
    for (const [name, value] of this.#byName) if (this.#isLikeNew(value)) this.#byName.delete(name);
    this.#lookAt = Math.max(FEW, 2 * this.#byName.size);
  }
}
