import type { Registry } from 'prom-client';
import { registerCounter, registerGauge } from '../shared/runtime/observe/scraped-metric.ts';
import type { ClientList } from './clients/client-list.ts';
import type { UsageKeeper } from './usage/usage-keeper.ts';
import type { UsageMeters } from './usage/usage-meters.ts';

export interface ClientMetricsSource {
  readonly clients: Pick<ClientList, 'count' | 'get'>;
  /** Names a bounded number of clients. */
  readonly meters: Pick<UsageMeters, 'totals'>;
  readonly usageKeeper: Pick<UsageKeeper, 'usedBytes'>;
  /** Whether the list can be asked for changes now. */
  isListThere(): boolean;
}

/** Registers what clients have carried, for a bounded number of clients. */
export function registerClientMetrics(registry: Registry, source: ClientMetricsSource): void {
  const { clients, meters, usageKeeper } = source;
  registerGauge(registry, {
    name: 'tributary_known_clients',
    help: 'Clients in the list',
    labelNames: [],
    aggregator: 'max',
    *samples() {
      yield [{}, clients.count];
    },
  });
  registerGauge(registry, {
    name: 'tributary_client_list_up',
    help: '1: changes of the list of clients are heard of; 0: its database is away or cannot be read, and the last known list holds',
    labelNames: [],
    aggregator: 'min',
    *samples() {
      yield [{}, source.isListThere() ? 1 : 0];
    },
  });
  registerCounter(registry, {
    name: 'tributary_client_bytes_total',
    help: 'Bytes that clients have carried over all uplinks, by client and direction, for limits.clientMetrics clients',
    labelNames: ['client', 'direction'],
    *samples() {
      for (const [client, { upBytes, downBytes }] of meters.totals()) {
        yield [{ client, direction: 'up' }, upBytes];
        yield [{ client, direction: 'down' }, downBytes];
      }
    },
  });
  registerCounter(registry, {
    name: 'tributary_client_connections_total',
    help: 'Connections of clients, by client',
    labelNames: ['client'],
    *samples() {
      for (const [client, { connections }] of meters.totals()) yield [{ client }, connections];
    },
  });
  registerGauge(registry, {
    name: 'tributary_client_quota_used_ratio',
    help: 'What clients with a quota have used of it in this month, by client; 1 is all of it; at all concentrators that share a database',
    labelNames: ['client'],
    // A client may have been in several.
    aggregator: 'max',
    *samples() {
      for (const [client] of meters.totals()) {
        const quota = clients.get(client)?.quota;
        if (quota !== undefined) yield [{ client }, usageKeeper.usedBytes(client) / quota.bytes];
      }
    },
  });
}
