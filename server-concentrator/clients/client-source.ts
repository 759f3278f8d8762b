import type { ClientEntry } from '../config/concentrator-config.ts';

/**
 * Told of the list of clients.
 * @param changed the names of those that are new, changed or gone; absent: any may be
 */
export type OnClients = (clients: readonly ClientEntry[], changed?: ReadonlySet<string>) => void;

/** Where a running concentrator has its list of clients from. */
export interface ClientSource {
  /** Begins to follow the list; resolves to the list as it is, or was when it was last known. Rejects with DatabaseError where there is none. */
  start(onClients: OnClients): Promise<readonly ClientEntry[]>;
  /** Since when it cannot be asked, milliseconds since 1970, and why; undefined while it can. */
  readonly trouble: { readonly sinceMs: number; readonly reason: string } | undefined;
  close(): Promise<void>;
}
