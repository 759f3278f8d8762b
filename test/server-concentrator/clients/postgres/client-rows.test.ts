import { expect, it } from 'vitest';
import {
  type ClientRow,
  clientFrom,
  clientValues,
  WRITTEN_COLUMNS,
} from '../../../../server-concentrator/clients/postgres/client-rows.ts';
import { formatExpiry, parseExpiry } from '../../../../server-concentrator/config/client-expiry.ts';
import { clientSchema, clientText } from '../../../../server-concentrator/config/client-schema.ts';

const KEY = Buffer.alloc(32, 1).toString('base64url');
const EMPTY: ClientRow = {
  ...{ id: 'van', key: Buffer.alloc(32, 1), old_key: null, label: null, expires: null, rate: null },
  ...{ quota: null, at_quota: null, publish: null, egress_allow: [], egress_deny: [], egress_only: null },
  ...{ created: '2026-01-31T12:00:00Z', rotated: null },
};
const many = (length: number, text: (i: number) => string) => Array.from({ length }, (_, i) => text(i));

it.each<[string, Partial<ClientRow>]>([
  ['a quota that no unit divides', { quota: '1234567890123' }],
  ['the largest quota, and one less', { quota: '8999999999999999' }],
  ['rates that no unit divides', { rate: '999999999', quota: '1000000', at_quota: '64001' }],
  ['the highest rate', { rate: '1000000000000' }],
  ['all the ports that it may have', { publish: many(64, (i) => `${i + 1}`) }],
  ['all the rules that it may have', { egress_deny: many(256, (i) => `*:${i + 1}`) }],
  ['an end before all dates', { expires: '-Infinity' }],
  ['an end between two milliseconds', { expires: '1800000000.123456' }],
  ['dates that a file cannot have', { created: '12000-01-01T00:00:00Z', rotated: '' }],
])('a row is as good in a file: %s', (_, row) => {
  const client = clientFrom({ ...EMPTY, ...row });
  if (typeof client === 'string') throw new Error(client);
  const read = clientSchema.safeParse(clientText(client));
  expect(read.error?.issues ?? []).toEqual([]);
  expect(read.data?.quota?.bytes).toBe(client.quota?.bytes);
});

it.each<[string, Partial<ClientRow>]>([
  ['publish has more than 64 ports and ranges', { publish: many(65, (i) => `${i + 1}`) }],
  ['allow has more than 256 rules', { egress_allow: many(257, (i) => `10.0.${i % 256}.0/24`) }],
  ['deny has more than 256 rules', { egress_deny: many(257, (i) => `*:${i + 1}`) }],
  ['only has more than 256 rules', { egress_only: many(257, (i) => `*:${i + 1}`) }],
  ['publish has what is none', { publish: ['443', null] }],
  ['allow has what is none', { egress_allow: [null] }],
  ['deny has what is none', { egress_deny: [['*:25'], ['*:26']] }],
  ['only has what is none', { egress_only: ['*:443', null] }],
])('says why a row is none: %s', (reason, row) => {
  expect(clientFrom({ ...EMPTY, ...row })).toBe(reason);
});

it.each([
  ['9999-12-31', 'infinity'],
  ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ['2027-01-31', '2027-02-01T00:00:00.000Z'],
])('an end of %s can be stored, and is as good in a file', (expires, stored) => {
  const expiresMs = parseExpiry(expires)!;
  const values = clientValues({ id: 'van', key: new Uint8Array(32), expiresMs });
  expect(values[WRITTEN_COLUMNS.indexOf('expires')]).toBe(stored);
  expect(parseExpiry(formatExpiry(expiresMs))).toBe(expiresMs);
});

it.each([
  ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
  ['Tue, 05 Nov 2024 10:00:00 GMT', '2024-11-05T10:00:00.000Z'],
  ['+012000-01-01T00:00:00Z', 'infinity'],
  ['-000001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
])('a date that a file may have can be stored: %s', (created, stored) => {
  // The schema takes what JavaScript takes for a date.
  const client = clientSchema.parse({ id: 'van', key: KEY, created, rotated: created });
  const values = clientValues(client);
  expect(['created', 'rotated'].map((name) => values[WRITTEN_COLUMNS.indexOf(name as 'created')])).toEqual([
    stored,
    stored,
  ]);
});

it.each(['9999-12-31T23:59:59-01:00', '0001-01-01T00:00:00+01:00', '0000-01-01T00:00:00Z'])(
  'an end of %s is none: neither a file nor a database has such years',
  (expires) => {
    expect(parseExpiry(expires)).toBeUndefined();
  },
);
