import { formatPortRange, parsePortRange } from '../../../shared/runtime/config/ranges.ts';
import { END_OF_DATES_MS, START_OF_DATES_MS } from '../../config/client-expiry.ts';
import { type ListedClient, MAX_CLIENT_RULES, MAX_PUBLISHED_RANGES } from '../../config/client-schema.ts';
import { type EgressRule, formatEgressRule, parseEgressRule } from '../../config/egress-rule.ts';

/** A row of `tributary_clients`, as `CLIENT_COLUMNS` asks for it. */
export interface ClientRow {
  readonly id: string;
  readonly key: Buffer;
  readonly old_key: Buffer | null;
  readonly label: string | null;
  /** Seconds since 1970, as text; `Infinity` for one without end. */
  readonly expires: string | null;
  readonly rate: string | null;
  readonly quota: string | null;
  readonly at_quota: string | null;
  /** As a rule of texts; but a `text[]` may have nulls in it, and be an array of arrays. */
  readonly publish: readonly unknown[] | null;
  readonly egress_allow: readonly unknown[];
  readonly egress_deny: readonly unknown[];
  readonly egress_only: readonly unknown[] | null;
  readonly created: string | null;
  readonly rotated: string | null;
}

/** What is asked for of each row. */
export const CLIENT_COLUMNS = `id, key, old_key, label, extract(epoch FROM expires)::text AS expires,
  rate_bits_per_second AS rate, quota_bytes AS quota, at_quota_bits_per_second AS at_quota,
  publish, egress_allow, egress_deny, egress_only, ${isoText('created')}, ${isoText('rotated')}`;

/** What `clientValues` fills, in its order. */
export const WRITTEN_COLUMNS = [
  'id',
  'key',
  'old_key',
  'label',
  'expires',
  'rate_bits_per_second',
  'quota_bytes',
  'at_quota_bits_per_second',
  'publish',
  'egress_allow',
  'egress_deny',
  'egress_only',
  'created',
  'rotated',
] as const;

/** @returns why the row is none, as a text; rules and ports may be written by hand, and only this program knows them */
export function clientFrom(row: ClientRow): ListedClient | string {
  const publish = row.publish?.map(ofText(parsePortRange));
  const [allow, deny, only] = [row.egress_allow, row.egress_deny, row.egress_only].map((rules) =>
    rules?.map(ofText(parseEgressRule)),
  );
  for (const [name, values] of Object.entries({ publish, allow, deny, only })) {
    if (values?.includes(undefined as never)) return `${name} has what is none`;
  }
  if (publish !== undefined && publish.length > MAX_PUBLISHED_RANGES)
    return `publish has more than ${MAX_PUBLISHED_RANGES} ports and ranges`;
  for (const [name, rules] of Object.entries({ allow, deny, only })) {
    if (rules !== undefined && rules.length > MAX_CLIENT_RULES)
      return `${name} has more than ${MAX_CLIENT_RULES} rules`;
  }
  if (only?.length === 0) return 'egress_only is empty: null means that nothing is left out';
  const opening = allow as EgressRule[];
  if (opening.some(({ target }) => target.kind !== 'cidr')) return 'egress_allow has what is no network';
  const hasEgress = opening.length > 0 || deny!.length > 0 || only !== undefined;
  const expiresMs = row.expires === null ? undefined : Math.round(Math.max(0, Number(row.expires)) * 1_000);
  const atQuota = row.at_quota === null ? undefined : Number(row.at_quota) / 8;
  // A file knows nothing of later years: what ends then has no end.
  const hasEnd = expiresMs !== undefined && expiresMs < END_OF_DATES_MS;
  const client: Record<string, unknown> = { id: row.id, key: new Uint8Array(row.key) };
  const optional = {
    oldKey: row.old_key === null ? undefined : new Uint8Array(row.old_key),
    publish,
    label: row.label ?? undefined,
    expiresMs: hasEnd ? expiresMs : undefined,
    rateBytesPerSecond: row.rate === null ? undefined : Number(row.rate) / 8,
    quota:
      row.quota === null
        ? undefined
        : {
            bytes: Number(row.quota),
            whenUsedUp: atQuota === undefined ? 'refuse' : { bytesPerSecond: atQuota },
          },
    egress: hasEgress ? { allow, deny, ...(only === undefined ? {} : { only }) } : undefined,
    created: dateOf(row.created),
    rotated: dateOf(row.rotated),
  };
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) client[name] = value;
  return client as unknown as ListedClient;
}

/** `parse`, for which what is no text is as wrong as a wrong text. */
function ofText<Parsed>(parse: (text: string) => Parsed | undefined): (value: unknown) => Parsed | undefined {
  return (value) => (typeof value === 'string' ? parse(value) : undefined);
}

/** A database has dates that a file has not; they are shown only, so one of them keeps no client out. */
function dateOf(text: string | null): string | undefined {
  return text === null || Number.isNaN(Date.parse(text)) ? undefined : text;
}

/** The values of `WRITTEN_COLUMNS`. */
export function clientValues(client: ListedClient): readonly unknown[] {
  const { quota, egress, expiresMs } = client;
  const rules = (list: readonly EgressRule[] | undefined) => list?.map(formatEgressRule);
  return [
    client.id,
    Buffer.from(client.key),
    client.oldKey === undefined ? null : Buffer.from(client.oldKey),
    client.label ?? null,
    expiresMs === undefined ? null : timestamp(expiresMs),
    bits(client.rateBytesPerSecond),
    quota?.bytes ?? null,
    quota === undefined || quota.whenUsedUp === 'refuse' ? null : bits(quota.whenUsedUp.bytesPerSecond),
    client.publish?.map(formatPortRange) ?? null,
    rules(egress?.allow) ?? [],
    rules(egress?.deny) ?? [],
    rules(egress?.only) ?? null,
    timestamp(client.created === undefined ? 0 : Date.parse(client.created)),
    client.rotated === undefined ? null : timestamp(Date.parse(client.rotated)),
  ];
}

/** As PostgreSQL reads it, whatever date JavaScript has made of what somebody wrote. */
function timestamp(ms: number): string {
  return ms < END_OF_DATES_MS ? new Date(Math.max(ms, START_OF_DATES_MS)).toISOString() : 'infinity';
}

function bits(bytesPerSecond: number | undefined): number | null {
  return bytesPerSecond === undefined ? null : Math.round(bytesPerSecond * 8);
}

function isoText(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS ${column}`;
}
