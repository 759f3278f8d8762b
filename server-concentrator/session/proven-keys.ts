/**
 * The keys that the client of a session has proven, by the session's first subflow and by those that joined. A session outlives a
 * change of the key as soon as one of its subflows has proven the new one.
 */
export class ProvenKeys {
  readonly #keys = new Set<string>();

  add(key: Uint8Array): void {
    this.#keys.add(textOf(key));
  }

  /** Forgets all but these. @returns whether one of them was proven */
  keepAny(keys: readonly Uint8Array[]): boolean {
    const kept = new Set(keys.map(textOf));
    for (const key of this.#keys) if (!kept.has(key)) this.#keys.delete(key);
    return this.#keys.size > 0;
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString('base64');
}
