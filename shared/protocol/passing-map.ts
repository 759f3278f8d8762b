/**
 * A map whose values come and go by the thousand, such as streams by their ids. As with `PassingSet`, what has left must not
 * seem alive because of V8's old tables: these hold boxes, which are emptied.
 */
export class PassingMap<Key extends number | string, Value> {
  readonly #boxes = new Map<Key, Box<Value>>();

  get size(): number {
    return this.#boxes.size;
  }

  get(key: Key): Value | undefined {
    return this.#boxes.get(key)?.value;
  }

  set(key: Key, value: Value): void {
    const box = this.#boxes.get(key);
    if (box === undefined) this.#boxes.set(key, { value });
    else box.value = value;
  }

  /** @returns whether it was there */
  delete(key: Key): boolean {
    const box = this.#boxes.get(key);
    if (box === undefined) return false;
    box.value = undefined;
    return this.#boxes.delete(key);
  }

  clear(): void {
    for (const box of this.#boxes.values()) box.value = undefined;
    this.#boxes.clear();
  }

  /** In the order of arrival. */
  *values(): IterableIterator<Value> {
    for (const { value } of this.#boxes.values()) yield value!;
  }
}

interface Box<Value> {
  value: Value | undefined;
}
