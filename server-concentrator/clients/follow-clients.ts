import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { WallClock } from '../../shared/runtime/clock.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import { UNSENT_FILE_NAME, UnsentUsage } from '../usage/unsent-usage.ts';
import { UsageFiles } from '../usage/usage-files.ts';
import { UsageKeeper, type UsageKeeping } from '../usage/usage-keeper.ts';
import type { ClientSource } from './client-source.ts';
import { KNOWN_FILE_NAME, KnownClients } from './known-clients.ts';

export interface FollowDeps {
  readonly logger: Logger;
  readonly wallClock: WallClock;
  /** Where usage and the last known list of a database are kept, unless the configuration says it. */
  readonly stateDirectory: string;
}

/** Where the list comes from and usage goes to, of a whole concentrator. */
export async function followClients(
  { clients, clientsDatabase, ...config }: ConcentratorConfig,
  { logger, wallClock, ...deps }: FollowDeps,
): Promise<{ readonly source: ClientSource; readonly usageKeeper: UsageKeeping }> {
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
  const { DatabaseLink } = await import('./postgres/database-link.ts');
  const { DatabaseSource } = await import('./postgres/database-source.ts');
  const { DatabaseUsage } = await import('./postgres/database-usage.ts');
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
