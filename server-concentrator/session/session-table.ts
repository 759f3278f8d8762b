/** What a {@link SessionTable} has to know of a session. */
export interface TabledSession {
  readonly clientId: string;
  readonly driver: { readonly isClosed: boolean };
}

/**
 * Sessions by key, and those of each client: a HELLO is about those of its client, and must not cost the more the more others
 * there are. Sessions that have ended stay listed until their next turn, and many HELLOs may arrive before that.
 */
export class SessionTable<Entry extends TabledSession> {
  readonly #byKey = new Map<string, Entry>();
  readonly #byClient = new Map<string, Set<Entry>>();

  /** All that are listed. */
  values(): IterableIterator<Entry> {
    return this.#byKey.values();
  }

  get(key: string): Entry | undefined {
    return this.#byKey.get(key);
  }

  add(key: string, entry: Entry): void {
    const { clientId } = entry;
    this.#byKey.set(key, entry);
    this.#byClient.set(clientId, (this.#byClient.get(clientId) ?? new Set()).add(entry));
  }

  remove(key: string): void {
    const entry = this.#byKey.get(key);
    if (entry === undefined) return;
    const { clientId } = entry;
    this.#byKey.delete(key);
    const own = this.#byClient.get(clientId);
    own?.delete(entry);
    if (own?.size === 0) this.#byClient.delete(clientId);
  }

  /** Those of a client that have not ended. */
  liveOf(clientId: string): readonly Entry[] {
    return [...(this.#byClient.get(clientId) ?? [])].filter(isLive);
  }

  /** Whether so many have not ended. All are looked at only where so many are listed. */
  hasLive(count: number): boolean {
    return this.#byKey.size >= count && [...this.values()].filter(isLive).length >= count;
  }
}

function isLive({ driver }: TabledSession): boolean {
  return !driver.isClosed;
}
