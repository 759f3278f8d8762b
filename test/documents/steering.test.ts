import { describe, expect, it } from 'vitest';
import { clientSchema } from '../../client-proxy/config/client-schema.ts';
import { LEAST_CLIENT } from './least-client.ts';
import { code, codes, projectFile, tableRows } from './markdown.ts';

/** What a mode needs beside its name. */
const NEEDED: Readonly<Record<string, object>> = {
  priority: { order: ['wifi'] },
  'priority-based': { order: ['wifi'] },
  weighted: { weights: { wifi: 1 } },
};

/** The policy that a configuration has with this default. */
function policyOf(settings: object): unknown {
  return clientSchema.parse({ ...LEAST_CLIENT, steering: { default: settings } }).steering.default;
}

/** The names that the error about an unknown mode lists: those of the modes, and their other names. */
function knownNames(): { modes: string[]; aliases: string[] } {
  const steering = { rules: [{ mode: 'no such mode' }] };
  const { error } = clientSchema.safeParse({ ...LEAST_CLIENT, steering });
  const text = error?.issues.map(({ message }) => message).join('\n') ?? '';
  const [modes = '', aliases = ''] = text.split('; or by another name');
  const names = (list: string) => list.slice(list.indexOf(':') + 1).match(/[a-z]+(-[a-z]+)*/g) ?? [];
  return { modes: names(modes.slice(modes.indexOf('a steering mode'))), aliases: names(aliases) };
}

describe('the modes of docs/steering.md', async () => {
  const rows = tableRows(await projectFile('docs/steering.md'), '## Modes').map(
    ([mode, others = '', meaning]) => ({
      mode: code(mode)!,
      others: codes(others).filter((name) => name !== 'weights'),
      meaning,
    }),
  );

  it('are those of the configuration, each with what it does', () => {
    const { modes } = knownNames();
    expect(modes.length).toBeGreaterThan(5);
    expect(rows.map(({ mode }) => mode).sort()).toEqual([...modes].sort());
    expect(rows.filter(({ meaning }) => !meaning)).toEqual([]);
  });

  it('have all other names that the configuration takes, and no more', () => {
    const documented = new Set(rows.flatMap(({ others }) => others));
    expect([...documented].sort()).toEqual([...knownNames().aliases].sort());
  });

  it.each(rows.flatMap(({ mode, others }) => others.map((name) => ({ mode, name }))))(
    '$name means $mode',
    ({ mode, name }) => {
      const needed = NEEDED[mode] ?? {};
      expect(policyOf({ mode: name, ...needed })).toEqual(policyOf({ mode, ...needed }));
    },
  );

  it('has the default', () => {
    const mode = rows.find(({ meaning }) => meaning?.includes('This is the default'))?.mode;
    expect(policyOf({ mode })).toEqual(clientSchema.parse(LEAST_CLIENT).steering.default);
  });
});
