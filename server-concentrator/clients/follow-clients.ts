import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
import { LineLimit } from '../../shared/runtime/observe/line-limit.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import { databaseName } from '../config/database-schema.ts';
import { UNSENT_FILE_NAME, UnsentUsage } from '../usage/unsent-usage.ts';
import { UsageFiles } from '../usage/usage-files.ts';
import { UsageKeeper, type UsageKeeping } from '../usage/usage-keeper.ts';
import type { ClientSource } from './client-source.ts';
import { KNOWN_FILE_NAME, KnownClients } from './known-clients.ts';

export interface FollowDeps {
  readonly logger: Logger;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  /** Where usage and the last known list of a database are kept, unless the configuration says it. */
  readonly stateDirectory: string;
}

/** Where the list comes from and usage goes to, of a whole concentrator. */
export async function followClients(
  { clients, clientsDatabase, ...config }: ConcentratorConfig,
  { logger, clock, wallClock, ...deps }: FollowDeps,
): Promise<{ readonly source: ClientSource; readonly usageKeeper: UsageKeeping }> {
  const stateDirectory = config.stateDirectory ?? deps.stateDirectory;
  const writer = randomUUID();
  const common = { wallClock, writer, logger };
  if (clientsDatabase === undefined) {
    const store = new UsageFiles(stateDirectory, { wallClock, logger });
    return {
      source: { trouble: undefined, start: async () => clients, close: async () => {} },
      usageKeeper: new UsageKeeper({ ...common, store, keepUnsent: async () => {} }),
    };
  }
  const { DatabaseLink } = await import('./postgres/database-link.ts');
  const { DatabaseSource } = await import('./postgres/database-source.ts');
  const { DatabaseUsage } = await import('./postgres/database-usage.ts');
  const database = databaseName(clientsDatabase);
  const known = await KnownClients.open(join(stateDirectory, KNOWN_FILE_NAME), database, logger);
  const unsent = await UnsentUsage.open(join(stateDirectory, UNSENT_FILE_NAME), database, logger);
  const link = new DatabaseLink({ config: clientsDatabase, wallClock, random: Math.random, logger });
  // Rows are written by others, as many as they like.
  const lines = new LineLimit(clock).over(logger);
  return {
    source: new DatabaseSource({ link, known, wallClock, logger: lines }),
    usageKeeper: new UsageKeeper({
      ...common,
      store: new DatabaseUsage(clientsDatabase, link, wallClock),
      unsent: unsent.batches,
      keepUnsent: (batches) => unsent.keep(batches),
    }),
  };
}
