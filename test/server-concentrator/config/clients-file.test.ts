import { chmod, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ClientsFile } from '../../../server-concentrator/config/clients-file.ts';
import { formatClientKey, generateClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { temporaryDirectory, temporaryFile } from '../../config/temporary-directory.ts';

const KEY = formatClientKey(new Uint8Array(32).fill(7));

function client(id: string) {
  return { id, key: generateClientKey(), created: '2025-01-31T12:00:00Z' };
}

describe('the clients file', () => {
  it('is written readable by its owner alone, and reads back', async () => {
    const file = join(await temporaryDirectory(), 'clients.yaml');
    const [a, b] = [client('a'), client('b')];
    await ClientsFile.empty(file).with([a]).with([b]).write({ overwrite: false });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await ClientsFile.load(file)).clients).toEqual([a, b]);
    expect(await readFile(file, 'utf8')).toMatch(/^# The clients that may connect/);
  });

  it('keeps comments, other entries and the right of a group to read when it changes', async () => {
    const file = await temporaryFile(
      'clients.yaml',
      `# ours\n- id: a # the laptop\n  key: ${KEY}\n\n# the router\n- {id: b, key: ${KEY}}\n`,
    );
    await chmod(file, 0o640);
    await (await ClientsFile.load(file)).with([client('c')], ['a']).write({ overwrite: true });
    const text = await readFile(file, 'utf8');
    expect(text).toContain('# the router');
    expect(text).not.toContain('the laptop');
    expect((await ClientsFile.load(file)).clients.map(({ id }) => id)).toEqual(['b', 'c']);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });

  it('may be empty, and filled again', async () => {
    for (const text of ['', '# nobody yet\n', '[]\n', '---\n[]\n']) {
      const file = await temporaryFile('clients.yaml', text);
      const empty = await ClientsFile.load(file);
      expect(empty.clients).toEqual([]);
      await empty.with([client('a')]).write({ overwrite: true });
      expect((await ClientsFile.load(file)).clients.map(({ id }) => id)).toEqual(['a']);
      if (text.includes('nobody')) expect(await readFile(file, 'utf8')).toContain('# nobody yet');
    }
  });

  it('can lose its last entry', async () => {
    const file = await temporaryFile('clients.yaml', `# ours\n- id: a\n  key: ${KEY}\n`);
    await (await ClientsFile.load(file)).with([], ['a']).write({ overwrite: true });
    expect((await ClientsFile.load(file)).clients).toEqual([]);
  });

  it('tells mistakes with their places, and never a key', async () => {
    const file = await temporaryFile(
      'clients.yaml',
      `- { id: a, key: ${KEY} }\n- { id: a, key: ${KEY} }\n- { id: b, key: ${KEY}x }\n- { id: c }\n- { id: d, ky: ${KEY} }\n`,
    );
    const error = await ClientsFile.load(file).then(
      () => expect.fail('the file was accepted'),
      (thrown: Error) => thrown,
    );
    expect(error.message.replaceAll(file, 'f').split('\n')).toEqual([
      expect.stringMatching(/^f:3:17: \[2\].key: expected a key: .* not shown here$/),
      expect.stringMatching(/^f:4:3: \[3\].key: missing: expected a key/),
      expect.stringMatching(/^f:5:3: \[4\].key: missing: expected a key/),
      'f:5:12: [4]: unknown key "ky": did you mean "key"?',
    ]);
    expect(error.message).not.toContain(KEY);
    const repeated = await temporaryFile('r.yaml', `- { id: a, key: ${KEY} }\n- { id: a, key: ${KEY} }\n`);
    await expect(ClientsFile.load(repeated)).rejects.toThrow(
      ':2:9: [1].id: a client of this name stands above',
    );
  });
});

it('is not written where it could not be read again', async () => {
  const file = join(await temporaryDirectory(), 'clients.yaml');
  const named = (length: number, more: object = {}) =>
    Array.from({ length }, (_, i) => ({ id: `c${i}`, key: new Uint8Array(32).fill(1), ...more }));
  const one = ClientsFile.empty(file).with(named(1));
  await one.write({ overwrite: false });
  const before = await readFile(file, 'utf8');
  expect(() => one.with(named(100_001))).toThrow('it would have 100001 clients');
  expect(() => one.with(named(100_001))).toThrow('belong in PostgreSQL');
  const rule = {
    target: { kind: 'host', pattern: `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.example` },
  };
  const rules = Array.from({ length: 256 }, () => rule);
  const large = one.with(named(250, { egress: { allow: [], deny: rules, only: rules.concat(rules) } }));
  await expect(large.write({ overwrite: true })).rejects.toThrow(/would have \d+ bytes.*33554432/);
  expect(await readFile(file, 'utf8')).toBe(before);
});
