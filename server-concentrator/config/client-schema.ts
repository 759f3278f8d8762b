import * as z from 'zod';
import { BIT_RATE_FORMAT, exactBitRate, parseBitRate } from '../../shared/runtime/config/bit-rate.ts';
import { formatByteSize } from '../../shared/runtime/config/byte-size.ts';
import { formatPortRange, type PortRange } from '../../shared/runtime/config/ranges.ts';
import {
  byteSize,
  clientId,
  clientKey,
  portRange,
  textAs,
} from '../../shared/runtime/config/schema-pieces.ts';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import { EXPIRY_FORMAT, formatExpiry, parseExpiry } from './client-expiry.ts';
import type { ClientEntry, ClientQuota } from './concentrator-config.ts';
import { type EgressRule, formatEgressRule } from './egress-rule.ts';
import { egressRules, openingRules } from './egress-schema.ts';

/** A client as listed in the file or the database. */
export interface ListedClient extends ClientEntry {
  /** When it was added, ISO 8601; absent in an entry written by hand. */
  readonly created?: string;
  /** When its key was replaced. */
  readonly rotated?: string;
}

/** Each publication is looked for in them. */
export const MAX_PUBLISHED_RANGES = 64;
/** Each dial of the client walks them. */
export const MAX_CLIENT_RULES = 256;
const MAX_LABEL_CHARACTERS = 200;
/** A rate below would not carry a handshake in time; one above is none. */
const MIN_RATE = '64kbit/s';
const MAX_RATE = '1000Gbit/s';

const date = textAs('a date and time, for example "2025-01-31T12:00:00Z"', (value) =>
  Number.isNaN(Date.parse(value)) ? undefined : value,
);

const label = textAs(`a text of at most ${MAX_LABEL_CHARACTERS} characters`, (value) =>
  [...value].length <= MAX_LABEL_CHARACTERS && !value.includes('\0') ? value : undefined,
);

const rate = textAs(`${BIT_RATE_FORMAT}, from ${MIN_RATE} to ${MAX_RATE}`, (value) => {
  const bytesPerSecond = parseBitRate(value);
  if (bytesPerSecond === undefined) return undefined;
  const isWithin = bytesPerSecond >= parseBitRate(MIN_RATE)! && bytesPerSecond <= parseBitRate(MAX_RATE)!;
  return isWithin ? bytesPerSecond : undefined;
});

const atQuota = z
  .union([z.literal('refuse'), rate], { error: `expected refuse, or ${BIT_RATE_FORMAT}` })
  .transform((value) => (value === 'refuse' ? value : { bytesPerSecond: value }));

const rules = egressRules(MAX_CLIENT_RULES);

const egress = z
  .strictObject({
    allow: openingRules(MAX_CLIENT_RULES).default([]),
    deny: rules.default([]),
    only: rules.min(1).optional(),
  })
  .transform(({ allow, deny, only }) => ({ allow, deny, ...(only === undefined ? {} : { only }) }));

/** One client, as a file or a row of a database has it. */
export const clientSchema = z
  .strictObject({
    id: clientId,
    key: clientKey,
    oldKey: clientKey.optional(),
    publish: z
      .array(portRange)
      .max(MAX_PUBLISHED_RANGES, { error: `at most ${MAX_PUBLISHED_RANGES} ports and ranges of them` })
      .optional(),
    label: label.optional(),
    expires: textAs(EXPIRY_FORMAT, parseExpiry).optional(),
    rateLimit: rate.optional(),
    quota: byteSize({ min: '1MB', max: '9000TB' }).optional(),
    atQuota: atQuota.optional(),
    egress: egress.optional(),
    created: date.optional(),
    rotated: date.optional(),
  })
  .superRefine(({ quota, atQuota }, context) => {
    if (atQuota === undefined || quota !== undefined) return;
    context.addIssue({ code: 'custom', path: ['atQuota'], message: 'has no meaning without quota' });
  })
  .transform(
    ({ id, key, expires, rateLimit, quota, atQuota: whenUsedUp = 'refuse', ...optional }): ListedClient => {
      const client: Record<string, unknown> = { id, key };
      for (const [name, value] of Object.entries(optional)) if (value !== undefined) client[name] = value;
      if (expires !== undefined) client.expiresMs = expires;
      if (rateLimit !== undefined) client.rateBytesPerSecond = rateLimit;
      if (quota !== undefined) client.quota = { bytes: quota, whenUsedUp } satisfies ClientQuota;
      return client as unknown as ListedClient;
    },
  );

/** The client as `clientSchema` reads it, with its keys in the order in which people want to read them. */
export function clientText(client: ListedClient): Record<string, unknown> {
  const { id, label: shown, key, oldKey, publish, expiresMs, rateBytesPerSecond, quota } = client;
  const { egress: own, created, rotated } = client;
  return {
    id,
    ...(shown === undefined ? {} : { label: shown }),
    key: formatClientKey(key),
    ...(oldKey === undefined ? {} : { oldKey: formatClientKey(oldKey) }),
    ...(publish === undefined ? {} : { publish: publish.map(portsValue) }),
    ...(expiresMs === undefined ? {} : { expires: formatExpiry(expiresMs) }),
    ...(rateBytesPerSecond === undefined ? {} : { rateLimit: exactBitRate(rateBytesPerSecond) }),
    ...(quota === undefined ? {} : { quota: quotaText(quota.bytes), ...atQuotaText(quota) }),
    ...(own === undefined ? {} : { egress: egressText(own) }),
    ...(created === undefined ? {} : { created }),
    ...(rotated === undefined ? {} : { rotated }),
  };
}

/** `100GB`: as plans are sold, in decimal units where that is exact. */
export function quotaText(bytes: number): string {
  const units = [
    ['TB', 1e12],
    ['GB', 1e9],
    ['MB', 1e6],
  ] as const;
  for (const [unit, size] of units)
    if (bytes % (size / 1_000) === 0 && bytes >= size) return `${bytes / size}${unit}`;
  return formatByteSize(bytes);
}

function atQuotaText({ whenUsedUp }: ClientQuota): { readonly atQuota?: string } {
  return whenUsedUp === 'refuse' ? {} : { atQuota: exactBitRate(whenUsedUp.bytesPerSecond) };
}

function egressText({
  allow,
  deny,
  only,
}: NonNullable<ClientEntry['egress']>): Record<string, readonly string[]> {
  const texts = (list: readonly EgressRule[]) => list.map(formatEgressRule);
  return {
    ...(allow.length === 0 ? {} : { allow: texts(allow) }),
    ...(deny.length === 0 ? {} : { deny: texts(deny) }),
    ...(only === undefined ? {} : { only: texts(only) }),
  };
}

/** As by hand: `443`, `8000-8010`. */
function portsValue(range: PortRange): number | string {
  return range.from === range.to ? range.from : formatPortRange(range);
}
