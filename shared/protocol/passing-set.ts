/**
 * A set of objects that come and go by the thousand, such as connections: `Set`, in the order of arrival, and cheap for the
 * garbage collector.
 *
 * V8 replaces the table of a `Set` or `Map` when it is full, and the old table keeps what it held and leads to the new one. Once
 * one of them has grown old, it is only collected with all of the heap, and until then everything that was ever in the tables
 * behind it counts as alive. So each connection that a `Set` has held is copied to the old heap. Here the members are a list,
 * and what leaves it is led to by nothing.
 */
export class PassingSet<T extends object> implements Iterable<T> {
  readonly #places = new WeakMap<T, Place<T>>();
  /** Iterations under way. */
  readonly #walks: Walk<T>[] = [];
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(member: T): boolean {
    return this.#places.has(member);
  }

  /** Behind all others, unless it is there already. */
  add(member: T): void {
    if (this.#places.has(member)) return;
    const place: Place<T> = { member, before: this.#last, behind: undefined };
    if (this.#last === undefined) this.#first = place;
    else this.#last.behind = place;
    this.#last = place;
    this.#places.set(member, place);
    this.#size++;
    for (const walk of this.#walks) walk.ahead ??= place;
  }

  /** @returns whether it was there */
  delete(member: T): boolean {
    const place = this.#places.get(member);
    if (place === undefined) return false;
    const { before, behind } = place;
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    for (const walk of this.#walks) if (walk.ahead === place) walk.ahead = behind;
    // It may have grown old, or be in an old table of the map, and what it led to would seem alive.
    place.member = undefined;
    place.before = undefined;
    place.behind = undefined;
    this.#places.delete(member);
    this.#size--;
    return true;
  }

  /** As of a `Set`: members that are added meanwhile are met, those that have left are not. Whoever breaks off calls `return`. */
  values(): Walk<T> {
    const walk = new Walk(this.#first, this.#walks);
    this.#walks.push(walk);
    return walk;
  }

  [Symbol.iterator](): Walk<T> {
    return this.values();
  }
}

/** An iteration over a `PassingSet`. */
export class Walk<T> implements IterableIterator<T, undefined> {
  /** Whose turn it is; undefined behind the last. */
  ahead: Place<T> | undefined;
  readonly #all: Walk<T>[];
  #isOver = false;

  /** @param all those of the set; the walk leaves them at its end */
  constructor(first: Place<T> | undefined, all: Walk<T>[]) {
    this.ahead = first;
    this.#all = all;
  }

  next(): IteratorResult<T, undefined> {
    if (this.#isOver || this.ahead === undefined) return this.return();
    const { member, behind } = this.ahead;
    this.ahead = behind;
    return { done: false, value: member! };
  }

  return(): IteratorReturnResult<undefined> {
    if (!this.#isOver) this.#all.splice(this.#all.indexOf(this), 1);
    this.#isOver = true;
    this.ahead = undefined;
    return { done: true, value: undefined };
  }

  [Symbol.iterator](): this {
    return this;
  }
}

interface Place<T> {
  /** Undefined once it has left. */
  member: T | undefined;
  before: Place<T> | undefined;
  behind: Place<T> | undefined;
}
