import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type * as z from 'zod';
import { clientSchema } from '../../client-proxy/config/client-schema.ts';
import { RELOAD_RULES as CLIENT_RELOAD } from '../../client-proxy/config/describe-reload.ts';
import { concentratorSchema } from '../../server-concentrator/config/concentrator-schema.ts';
import { RELOAD_RULES as CONCENTRATOR_RELOAD } from '../../server-concentrator/config/describe-reload.ts';
import { schemaKeyPaths } from '../../shared/runtime/config/schema-keys.ts';
import { LEAST_CLIENT } from './least-client.ts';
import { code, codes, markdownFiles, projectFile, sectionLines, tableRows } from './markdown.ts';

const page = await projectFile('docs/configuration.md');

describe.each([
  { heading: '## Client', schema: clientSchema, least: LEAST_CLIENT, reload: CLIENT_RELOAD },
  { heading: '## Concentrator', schema: concentratorSchema, least: {}, reload: CONCENTRATOR_RELOAD },
])('docs/configuration.md below $heading', ({ heading, schema, least, reload }) => {
  const rows = tableRows(page, heading).map(([key, value, meaning]) => ({
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

  it('names the keys that SIGHUP takes over, and no other', () => {
    const text = sectionLines(page, heading).join(' ');
    const named = /On SIGHUP a running \w+ reads these keys again: (.*?)\. /.exec(text)?.[1] ?? '';
    const live = (reload as readonly { key: string; applies: string }[]).filter(
      ({ applies }) => applies === 'live',
    );
    expect(codes(named).sort()).toEqual(live.map(({ key }) => key).sort());
  });
});

describe('the examples of configurations', async () => {
  const texts = await Promise.all((await markdownFiles()).map(projectFile));
  /** The words behind `yaml` say whose; a client's where there are none. */
  const examples = (words: string) =>
    texts.flatMap((text) =>
      [...text.matchAll(/^```yaml *(.*?)\n(.*?)^```$/gms)].flatMap(([, whose, yaml = '']) =>
        whose === words ? [yaml] : [],
      ),
    );

  it('are there', () => {
    expect(examples('').length).toBeGreaterThan(1);
    expect(examples('concentrator').length).toBeGreaterThan(0);
  });

  it.each(examples('concentrator'))("of a concentrator's load: %s", (example) => {
    expect(concentratorSchema.safeParse(parse(example)).error).toBeUndefined();
  });

  it.each(examples(''))("of a client's load: %s", (example) => {
    const written = parse(example) as object;
    // Without a concentrator, or with several, an example is a whole file.
    const isWhole = 'mode' in written || 'concentrators' in written;
    const config = isWhole ? written : { ...LEAST_CLIENT, ...written };
    expect(clientSchema.safeParse(config).error).toBeUndefined();
  });
});

function isBelow(path: string, above: string): boolean {
  return path.startsWith(`${above}.`) || path.startsWith(`${above}[]`);
}

/** Its default cannot be tried, since the least configuration has a value there to try the keys below it. */
function isGivenAsLeast(key: string): boolean {
  return key === 'socks.users' || key === 'publish';
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
