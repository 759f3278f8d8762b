import { ClientKeeper, type ClientKeeperOptions } from './client-keeper.ts';
import { ClientList } from './clients/client-list.ts';
import { type FollowDeps, followClients } from './clients/follow-clients.ts';
import type { ClientEgress, ConcentratorConfig } from './config/concentrator-config.ts';
import { ClientAllowances } from './limits/client-allowances.ts';
import type { LimitHits } from './limits/limit-hits.ts';
import type { UsageKeeping } from './usage/usage-keeper.ts';
import { UsageMeters } from './usage/usage-meters.ts';
import type { ToldClients } from './worker/told-clients.ts';

/** What knows of the clients: who they are, what each may, and what each has used. */
export interface ClientParts {
  readonly clients: ClientList;
  readonly allowances: ClientAllowances;
  readonly meters: UsageMeters;
  readonly usageKeeper: UsageKeeping;
  /** Egress rules of a client's own, if it has any. */
  rulesOf(clientId: string): ClientEgress | undefined;
  /** Follows the list, for what has to do with clients. */
  keep(parts: Pick<ClientKeeperOptions, 'sessions' | 'published' | 'datagrams' | 'perClient'>): ClientKeeper;
}

/**
 * By the configuration: a file and the state directory, or a database. Nothing runs yet.
 * @param place of one of several processes, which is told of the clients
 */
export async function makeClientParts(
  config: ConcentratorConfig,
  deps: FollowDeps,
  limitHits: Pick<LimitHits, 'note'>,
  place?: { readonly clients: ToldClients },
): Promise<ClientParts> {
  const { clock, wallClock } = deps;
  const clients = new ClientList(config.clients);
  const { source, usageKeeper } =
    place === undefined
      ? await followClients(config, deps)
      : { source: place.clients, usageKeeper: place.clients };
  const meters = new UsageMeters(config.clientMetrics);
  const usedBytes = (clientId: string) => usageKeeper.usedBytes(clientId);
  const allowances = new ClientAllowances({ clients, usedBytes, clock, limitHits });
  const own = { source, clients, allowances, meters, usageKeeper, wallClock };
  return {
    ...{ clients, allowances, meters, usageKeeper },
    rulesOf: (clientId) => clients.get(clientId)?.egress,
    keep: (parts) => new ClientKeeper({ ...own, ...parts }),
  };
}
