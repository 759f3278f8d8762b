import { type CommandLineDeps, UsageError } from '../../shared/runtime/config/command-line.ts';
import { textTable } from '../../shared/runtime/observe/status-text.ts';
import { byteText } from '../../shared/runtime/text/byte-text.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import { monthOf } from '../usage/usage-count.ts';
import { NOT_THERE, tellUnreadable, withStore } from './clients.ts';

export interface UsageOptions {
  /** `2026-11`; this month where absent. */
  readonly month?: string;
  readonly json?: true;
}

/** What is told of a client; bytes, and the directions are the client's. */
interface UsageRow {
  readonly client: string;
  readonly upBytes: number;
  readonly downBytes: number;
  readonly connections: number;
  /** Null for a client without one, and for one that is not in the list any more. */
  readonly quotaBytes: number | null;
}

/** Prints what clients used in a month, the largest first. Throws UsageError. */
export async function printUsage(
  id: string | undefined,
  { month: wanted, json }: UsageOptions,
  config: ConcentratorConfig,
  deps: CommandLineDeps,
): Promise<void> {
  const month = wanted ?? monthOf(deps.now().getTime());
  if (!/^\d{4}-(?:0[1-9]|1[0-2])$/.test(month))
    throw new UsageError('--month expects a month such as 2026-11');
  const rows = await withStore(config, deps, async (store) => {
    const { clients, unreadable } = await store.all();
    tellUnreadable(unreadable, deps);
    const quotas = new Map(clients.map((client) => [client.id, client.quota?.bytes ?? null]));
    const usage = await store.usage(month);
    if (id !== undefined && !usage.has(id) && !quotas.has(id) && !unreadable.has(id))
      throw new UsageError(NOT_THERE);
    const ids = id === undefined ? usage.keys() : [id];
    const none = { upBytes: 0, downBytes: 0, connections: 0 };
    return [...ids].map(
      (client): UsageRow => ({
        client,
        ...(usage.get(client) ?? none),
        quotaBytes: quotas.get(client) ?? null,
      }),
    );
  });
  rows.sort((one, other) => totalOf(other) - totalOf(one) || (one.client < other.client ? -1 : 1));
  if (json) deps.stdout(`${JSON.stringify({ month, clients: rows }, null, 2)}\n`);
  else if (rows.length === 0) deps.stderr(`No usage in ${month} (UTC).\n`);
  else deps.stdout(usageTable(rows));
  if (config.clientsDatabase === undefined && !json)
    deps.stderr(`In ${month} (UTC). A running concentrator writes it once a minute.\n`);
}

function usageTable(rows: readonly UsageRow[]): string {
  const sum = { upBytes: 0, downBytes: 0, connections: 0 };
  for (const row of rows) {
    sum.upBytes += row.upBytes;
    sum.downBytes += row.downBytes;
    sum.connections += row.connections;
  }
  const lines = [...rows, ...(rows.length > 1 ? [{ client: 'all', ...sum, quotaBytes: null }] : [])];
  return textTable([
    ['CLIENT', 'DOWN', 'UP', 'CONNECTIONS', 'QUOTA', 'USED'],
    ...lines.map((row) => [
      row.client,
      byteText(row.downBytes),
      byteText(row.upBytes),
      String(row.connections),
      row.quotaBytes === null ? '-' : byteText(row.quotaBytes),
      row.quotaBytes === null ? '-' : `${Math.floor((totalOf(row) / row.quotaBytes) * 100)} %`,
    ]),
  ]);
}

function totalOf({ upBytes, downBytes }: UsageRow): number {
  return upBytes + downBytes;
}
