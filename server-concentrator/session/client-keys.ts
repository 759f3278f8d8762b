import type { ClientEntry } from '../config/concentrator-config.ts';

/** The clients that may open sessions, and their keys. */
export class ClientKeys {
  #keys: ReadonlyMap<string, readonly Uint8Array[]>;

  constructor(clients: readonly ClientEntry[]) {
    this.#keys = keysOf(clients);
  }

  get count(): number {
    return this.#keys.size;
  }

  /** Two while a client changes its key; none for a client that is not known. */
  of(clientId: string): readonly Uint8Array[] {
    return this.#keys.get(clientId) ?? [];
  }

  /** Other clients from now on. */
  replace(clients: readonly ClientEntry[]): void {
    this.#keys = keysOf(clients);
  }
}

function keysOf(clients: readonly ClientEntry[]): ReadonlyMap<string, readonly Uint8Array[]> {
  return new Map(clients.map(({ id, key, oldKey }) => [id, oldKey === undefined ? [key] : [key, oldKey]]));
}
