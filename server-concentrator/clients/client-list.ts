import type { ClientEntry } from '../config/concentrator-config.ts';

/** The clients that may open sessions, by name. */
export class ClientList {
  #clients: ReadonlyMap<string, ClientEntry>;

  constructor(clients: readonly ClientEntry[]) {
    this.#clients = byId(clients);
  }

  get count(): number {
    return this.#clients.size;
  }

  get(clientId: string): ClientEntry | undefined {
    return this.#clients.get(clientId);
  }

  /** Two while a client changes its key; none for a client that is not known. */
  keysOf(clientId: string): readonly Uint8Array[] {
    const client = this.#clients.get(clientId);
    if (client === undefined) return [];
    return client.oldKey === undefined ? [client.key] : [client.key, client.oldKey];
  }

  /** Other clients from now on. */
  replace(clients: readonly ClientEntry[]): void {
    this.#clients = byId(clients);
  }
}

/** Whether the client's time is over. @param nowMs milliseconds since 1970 */
export function hasExpired({ expiresMs }: Pick<ClientEntry, 'expiresMs'>, nowMs: number): boolean {
  return expiresMs !== undefined && nowMs >= expiresMs;
}

function byId(clients: readonly ClientEntry[]): ReadonlyMap<string, ClientEntry> {
  return new Map(clients.map((client) => [client.id, client]));
}
