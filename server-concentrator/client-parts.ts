import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { MonotonicClock, WallClock } from '../shared/runtime/clock.ts';
import { ClientKeeper, type ClientKeeperOptions } from './client-keeper.ts';
import { ClientList } from './clients/client-list.ts';
import type { ClientSource } from './clients/client-source.ts';
import { KNOWN_FILE_NAME, KnownClients } from './clients/known-clients.ts';
import type { ClientEgress, ConcentratorConfig } from './config/concentrator-config.ts';
import { ClientAllowances } from './limits/client-allowances.ts';
import type { LimitHits } from './limits/limit-hits.ts';
import { UNSENT_FILE_NAME, UnsentUsage } from './usage/unsent-usage.ts';
import { UsageFiles } from './usage/usage-files.ts';
import { UsageKeeper } from './usage/usage-keeper.ts';
import { UsageMeters } from './usage/usage-meters.ts';

export interface ClientPartsDeps {
  readonly logger: Logger;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  /** Where usage and the last known list of a database are kept, unless the configuration says it. */
  readonly stateDirectory: string;
}

/** What knows of the clients: who they are, what each may, and what each has used. */
export interface ClientParts {
  readonly clients: ClientList;
  readonly allowances: ClientAllowances;
  readonly meters: UsageMeters;
  readonly usageKeeper: UsageKeeper;
  /** Egress rules of a client's own, if it has any. */
  rulesOf(clientId: string): ClientEgress | undefined;
  /** Follows the list, for what has to do with clients. */
  keep(parts: Pick<ClientKeeperOptions, 'sessions' | 'published' | 'datagrams'>): ClientKeeper;
}

/** By the configuration: a file and the state directory, or a database. Nothing runs yet. */
export async function makeClientParts(
  config: ConcentratorConfig,
  deps: ClientPartsDeps,
  limitHits: Pick<LimitHits, 'note'>,
): Promise<ClientParts> {
  const { clock, wallClock } = deps;
  const clients = new ClientList(config.clients);
  const { source, usageKeeper } = await followClients(config, deps);
  const meters = new UsageMeters();
  const usedBytes = (clientId: string) => usageKeeper.usedBytes(clientId);
  const allowances = new ClientAllowances({ clients, usedBytes, clock, limitHits });
  const own = { source, clients, allowances, meters, usageKeeper, wallClock };
  return {
    ...{ clients, allowances, meters, usageKeeper },
    rulesOf: (clientId) => clients.get(clientId)?.egress,
    keep: (parts) => new ClientKeeper({ ...own, ...parts }),
  };
}

async function followClients(
  { clients, clientsDatabase, ...config }: ConcentratorConfig,
  { logger, wallClock, ...deps }: ClientPartsDeps,
): Promise<{ readonly source: ClientSource; readonly usageKeeper: UsageKeeper }> {
  const stateDirectory = config.stateDirectory ?? deps.stateDirectory;
  const writer = randomUUID();
  const common = { wallClock, writer, logger };
  if (clientsDatabase === undefined) {
    const store = new UsageFiles(stateDirectory, logger);
    return {
      source: { trouble: undefined, start: async () => clients, close: async () => {} },
      usageKeeper: new UsageKeeper({ ...common, store, keepUnsent: async () => {} }),
    };
  }
  const { DatabaseLink } = await import('./clients/postgres/database-link.ts');
  const { DatabaseSource } = await import('./clients/postgres/database-source.ts');
  const { DatabaseUsage } = await import('./clients/postgres/database-usage.ts');
  const known = await KnownClients.open(join(stateDirectory, KNOWN_FILE_NAME), logger);
  const unsent = await UnsentUsage.open(join(stateDirectory, UNSENT_FILE_NAME), logger);
  const link = new DatabaseLink({ config: clientsDatabase, wallClock, random: Math.random, logger });
  return {
    source: new DatabaseSource({ link, known, logger }),
    usageKeeper: new UsageKeeper({
      ...common,
      store: new DatabaseUsage(link, wallClock),
      unsent: unsent.batches,
      keepUnsent: (batches) => unsent.keep(batches),
    }),
  };
}
