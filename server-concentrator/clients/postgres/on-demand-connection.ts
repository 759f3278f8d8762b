import type pg from 'pg';
import type { ClientDatabaseConfig } from '../../config/concentrator-config.ts';
import { connectDatabase, disconnect, limitLockWaits } from './connection.ts';
import { databaseError } from './database-error.ts';
import { migrate } from './migrations.ts';

export interface OnDemandOptions {
  /** What it is used for is tried again by itself: it does not wait long where others lock the tables. */
  readonly isTriedAgain?: boolean;
  /** It makes tables where there are none. Otherwise it rejects there with DatabaseError. */
  readonly makesTables?: boolean;
}

/** A connection to the database for one piece of work after the other, made when it is needed, and with the tables as they should be. */
export class OnDemandConnection {
  readonly #config: ClientDatabaseConfig;
  readonly #options: OnDemandOptions;
  #connected: Promise<pg.Client> | undefined;

  constructor(config: ClientDatabaseConfig, options: OnDemandOptions = {}) {
    this.#config = config;
    this.#options = options;
  }

  /** Rejects with DatabaseError where there is no connection to be had, and with whatever `work` rejects. */
  async use<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const connected = this.#connected ?? this.#open();
    try {
      return await work(await connected);
    } catch (error) {
      // It may be lost, or still be busy with what took too long.
      if (this.#connected === connected) void this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const connected = this.#connected;
    this.#connected = undefined;
    const client = await connected?.catch(() => undefined);
    if (client !== undefined) await disconnect(client);
  }

  #open(): Promise<pg.Client> {
    const connected = this.#connect(() => {
      if (this.#connected === connected) this.#connected = undefined;
    });
    this.#connected = connected;
    return connected;
  }

  async #connect(onLost: () => void): Promise<pg.Client> {
    const client = await connectDatabase(this.#config, onLost);
    try {
      const { isTriedAgain = false, makesTables = false } = this.#options;
      await migrate(client, makesTables);
      if (isTriedAgain) await limitLockWaits(client);
      return client;
    } catch (error) {
      await disconnect(client);
      throw databaseError(error, this.#config);
    }
  }
}
