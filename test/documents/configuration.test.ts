import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { clientSchema } from '../../client-proxy/config/client-schema.ts';
import { concentratorSchema } from '../../server-concentrator/config/concentrator-schema.ts';
import { schemaKeyPaths } from '../../shared/runtime/config/schema-keys.ts';
import { code, projectFile, tableRows } from './markdown.ts';

const readme = await projectFile('README.md');

/** The least that each schema takes. */
const LEAST_CLIENT = {
  concentrator: { addresses: ['vps.example.org:8443'], pin: `sha256:${'A'.repeat(43)}` },
  client: { id: 'laptop', key: 'A'.repeat(43) },
  socks: { users: [{ name: 'alice', password: 'secret' }] },
  uplinks: [{ name: 'wifi', interface: 'wlan0', metered: {} }],
};

describe.each([
  { heading: '### Client', schema: clientSchema, least: LEAST_CLIENT },
  { heading: '### Concentrator', schema: concentratorSchema, least: {} },
])("the README's table below $heading", ({ heading, schema, least }) => {
  const rows = tableRows(readme, heading).map(([key, value, meaning]) => ({
    key: code(key),
    value,
    meaning,
  }));
  const paths = schemaKeyPaths(schema);

  it('has every key of the schema, in its order, and no other', () => {
    const described = rows.map(({ key }) => key);
    const leaves = paths.filter((path) => !paths.some((other) => isBelow(other, path)));
    expect(leaves.filter((path) => !described.includes(path))).toEqual([]);
    expect(described).toEqual(paths.filter((path) => described.includes(path)));
    expect(rows.filter(({ meaning }) => !meaning)).toEqual([]);
  });

  it('has the defaults of the schema', () => {
    const plain = schema.parse(least);
    const defaults = rows.filter(({ key, value }) => code(value) !== undefined && !isGivenAsLeast(key!));
    expect(defaults.length).toBeGreaterThan(10);
    for (const { key, value } of defaults) {
      const explicit = withValue(least, key!, parse(code(value)!));
      expect(schema.parse(explicit), key).toEqual(plain);
    }
  });

  it('calls required what the schema requires', () => {
    const required = rows.filter(({ value }) => value === 'required').map(({ key }) => key!);
    for (const key of required) expect(isAccepted(schema, withValue(least, key, undefined)), key).toBe(false);
  });
});

it("the README's examples of a client's configuration load", () => {
  const examples = [...readme.matchAll(/^```yaml\n(.*?)^```$/gms)].map(
    ([, yaml = '']) => parse(yaml) as object,
  );
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples)
    expect(clientSchema.safeParse({ ...LEAST_CLIENT, ...example }).error).toBeUndefined();
});

function isBelow(path: string, above: string): boolean {
  return path.startsWith(`${above}.`) || path.startsWith(`${above}[]`);
}

/** Its default cannot be tried, since the least configuration has a value there to try the keys below it. */
function isGivenAsLeast(key: string): boolean {
  return key === 'socks.users';
}

function isAccepted(schema: z.ZodType, value: unknown): boolean {
  return schema.safeParse(value).success;
}

/** A copy of a configuration with one value set or, when undefined, taken out; `[]` in a path is the first of the list. */
function withValue(config: object, path: string, value: unknown): object {
  const copy = structuredClone(config);
  const keys = path.replaceAll('[]', '.0').split('.');
  const last = keys.pop()!;
  let at = copy as Record<string, unknown>;
  for (const key of keys) {
    at[key] ??= {};
    at = at[key] as Record<string, unknown>;
  }
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}
