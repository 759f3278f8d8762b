import type pg from 'pg';
import type { UsageBatch, UsageTotal } from '../../usage/usage-count.ts';

type Queries = Pick<pg.Client, 'query'>;

/** How long hours are kept: over a year, so that the same month of the year before can be looked at. */
const HOURS_KEPT = '400 days';
/** A concentrator that was not there for so long has nothing under way any more. */
const WRITERS_KEPT = '100 days';
/** Old rows that are removed at a time: usage is not written meanwhile. */
const REMOVED_ROWS = 20_000;

/** What clients used in a month (`2026-11`), at all concentrators. */
export async function readUsageMonth(
  client: Queries,
  month: string,
): Promise<ReadonlyMap<string, UsageTotal>> {
  const { rows } = await client.query<Record<keyof UsageTotal | 'client', string>>(
    `SELECT client, up_bytes AS "upBytes", down_bytes AS "downBytes", connections
     FROM tributary_usage_months WHERE month = $1::date`,
    [`${month}-01`],
  );
  return new Map(
    rows.map(({ client: id, upBytes, downBytes, connections }) => [
      id,
      { upBytes: Number(upBytes), downBytes: Number(downBytes), connections: Number(connections) },
    ]),
  );
}

/** Adds a batch, once: one that has been added already, and whose answer was lost, changes nothing. */
export async function writeUsage(client: Queries, batch: UsageBatch): Promise<void> {
  // In one order, so that two concentrators never wait for each other.
  const counts = [...batch.counts].sort((one, other) => (one.client < other.client ? -1 : 1));
  await client.query(WRITE, [
    batch.writer,
    batch.number,
    counts.map(({ client: id }) => id),
    counts.map(({ upBytes }) => upBytes),
    counts.map(({ downBytes }) => downBytes),
    counts.map(({ connections }) => connections),
    `${batch.hour.slice(0, 7)}-01`,
    `${batch.hour}:00:00Z`,
  ]);
}

/** Removes a part of the hours that are old. @returns whether that was all */
export async function removeOldHours(client: Queries): Promise<boolean> {
  const { rowCount } = await client.query(
    `DELETE FROM tributary_usage WHERE (client, hour) IN (
       SELECT client, hour FROM tributary_usage WHERE hour < now() - interval '${HOURS_KEPT}' LIMIT ${REMOVED_ROWS})`,
  );
  return (rowCount ?? 0) < REMOVED_ROWS;
}

/** They are few: one for each start of a concentrator. */
export async function removeOldWriters(client: Queries): Promise<void> {
  await client.query(`DELETE FROM tributary_writers WHERE seen < now() - interval '${WRITERS_KEPT}'`);
}

const ADD = `up_bytes = t.up_bytes + excluded.up_bytes, down_bytes = t.down_bytes + excluded.down_bytes,
  connections = t.connections + excluded.connections`;

const WRITE = `
WITH fresh AS (
  INSERT INTO tributary_writers AS w (id, batch) VALUES ($1::uuid, $2::bigint)
  ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, seen = now() WHERE w.batch < excluded.batch
  RETURNING 1
), given AS (
  SELECT * FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) AS g (client, up, down, connections)
  WHERE EXISTS (SELECT FROM fresh)
), months AS (
  INSERT INTO tributary_usage_months AS t (client, month, up_bytes, down_bytes, connections)
  SELECT client, $7::date, up, down, connections FROM given ORDER BY client
  ON CONFLICT (month, client) DO UPDATE SET ${ADD}
)
INSERT INTO tributary_usage AS t (client, hour, up_bytes, down_bytes, connections)
SELECT client, $8::timestamptz, up, down, connections FROM given ORDER BY client
ON CONFLICT (client, hour) DO UPDATE SET ${ADD}`;
