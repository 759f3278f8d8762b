/** A value for each name, for a bounded number of names: further ones share that of the name `other`. */
export class NamedTable<T> {
  readonly #byName = new Map<string, T>();
  readonly #maxNames: number;
  readonly #make: (name: string) => T;

  /** @param make the value of a name that is new */
  constructor(maxNames: number, make: (name: string) => T) {
    this.#maxNames = maxNames;
    this.#make = make;
  }

  of(name: string): T {
    const key = this.#byName.has(name) || this.#byName.size < this.#maxNames ? name : OTHER;
    let value = this.#byName.get(key);
    if (value === undefined) {
      value = this.#make(key);
      this.#byName.set(key, value);
    }
    return value;
  }

  entries(): IterableIterator<[string, T]> {
    return this.#byName.entries();
  }
}

const OTHER = 'other';
