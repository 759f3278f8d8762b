/** A value for each name, for a bounded number of names: further ones share that of the name `other`. */
export class NamedTable<T> {
  readonly #byName = new Map<string, T>();
  readonly #maxNames: number;
  readonly #make: (name: string) => T;
  readonly #isOver: (name: string, value: T) => boolean;

  /**
   * @param make the value of a name that is new
   * @param isOver whether nobody needs this value any more: a new name that finds no place takes its place
   */
  constructor(
    maxNames: number,
    make: (name: string) => T,
    isOver: (name: string, value: T) => boolean = () => false,
  ) {
    this.#maxNames = maxNames;
    this.#make = make;
    this.#isOver = isOver;
  }

  of(name: string): T {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (!this.#hasRoom) this.#makeRoom();
    const key = this.#hasRoom ? name : OTHER;
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

  get #hasRoom(): boolean {
    return this.#byName.size < this.#maxNames;
  }

  /** Those that came first go first. */
  #makeRoom(): void {
    for (const [name, value] of this.#byName) {
      if (this.#isOver(name, value)) this.#byName.delete(name);
      if (this.#hasRoom) return;
    }
  }
}

const OTHER = 'other';
