import { TributaryError } from '../../shared/protocol/errors.ts';
import type { ListedClient } from '../config/client-schema.ts';
import type { UsageTotal } from '../usage/usage-count.ts';

/** What a command changes in the list: entries to put in the place of those of the same name, and names to remove. */
export interface ClientChanges {
  readonly put?: readonly ListedClient[];
  readonly remove?: readonly string[];
}

/** All clients of a list. */
export interface ClientListing {
  readonly clients: readonly ListedClient[];
  /** Those that cannot be read, and why: they may not connect. A database may have some, for others write to it, too. */
  readonly unreadable: ReadonlyMap<string, string>;
}

/** The clients among those that were asked for that there are. */
export interface FoundClients {
  has(id: string): boolean;
  /** Throws DatabaseError for one that cannot be read. */
  get(id: string): ListedClient | undefined;
}

/** The list of clients as commands read and change it: a file, or a database. */
export interface ClientStore {
  /** How messages call it. */
  readonly place: string;
  /** What a person does so that running concentrators take a change over; empty where they notice. */
  readonly hint: string;
  /** Rejects with ConfigError or DatabaseError. */
  all(): Promise<ClientListing>;
  /**
   * Changes the entries of some clients in one step, while no other command does. `change` gets those of them that there are. Rejects
   * as `all`, with FileWriteError, or with what `change` throws.
   */
  update(ids: readonly string[], change: (found: FoundClients) => ClientChanges): Promise<void>;
  /** What clients used in a month (`2026-11`), as far as it was written. */
  usage(month: string): Promise<ReadonlyMap<string, UsageTotal>>;
  close(): Promise<void>;
}

/** The database cannot be used; the message says why, and never shows a password. */
export class DatabaseError extends TributaryError {
  constructor(message: string, options?: ErrorOptions) {
    super('internalError', message, 'ours', options);
  }
}
