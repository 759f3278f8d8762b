import { isDeepStrictEqual } from 'node:util';
import type { ClientEntry } from '../config/concentrator-config.ts';

/** The clients that may open sessions, and their keys. */
export class ClientKeys {
  #keys: ReadonlyMap<string, Uint8Array>;

  constructor(clients: readonly ClientEntry[]) {
    this.#keys = keysOf(clients);
  }

  get count(): number {
    return this.#keys.size;
  }

  /** Undefined for a client that is not known. */
  of(clientId: string): Uint8Array | undefined {
    return this.#keys.get(clientId);
  }

  /** Other clients from now on. @returns those of before that are not known any more, or by another key only */
  replace(clients: readonly ClientEntry[]): ReadonlySet<string> {
    const before = this.#keys;
    this.#keys = keysOf(clients);
    return new Set([...before.keys()].filter((id) => !isDeepStrictEqual(before.get(id), this.#keys.get(id))));
  }
}

function keysOf(clients: readonly ClientEntry[]): ReadonlyMap<string, Uint8Array> {
  return new Map(clients.map(({ id, key }) => [id, key]));
}
