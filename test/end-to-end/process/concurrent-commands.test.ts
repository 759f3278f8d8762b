import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { formatClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { parseLink } from '../../../shared/runtime/identity/link.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { runCommand, succeed } from '../../hostile/support/command.ts';

interface Listed {
  readonly id: string;
  readonly key: string;
  readonly oldKey?: string;
}

/** A concentrator's files, and commands for them. */
async function initialised() {
  const folder = join(await temporaryDirectory(), 'etc');
  const init = ['init', '--public', '127.0.0.1', '--directory', folder];
  const config = join(folder, 'tributary-concentrator.yaml');
  const run = (...args: string[]) => runCommand('server-concentrator', [...args, '--config', config]);
  const clients = async () =>
    new Map(
      (parse(await readFile(join(folder, 'clients.yaml'), 'utf8')) as Listed[]).map((one) => [one.id, one]),
    );
  /** Nothing but the files: no lock, nothing temporary. */
  const names = async () => (await readdir(folder)).sort();
  return { folder, init, config, run, clients, names };
}

const FILES = ['certificate.pem', 'clients.yaml', 'key.pem', 'tributary-concentrator.yaml'];

describe('commands that run at the same time', () => {
  it('lose no client: add, rotate and revoke', async () => {
    const { init, run, clients, names } = await initialised();
    await succeed('server-concentrator', init);
    await run('client', 'add', 'gone');
    const before = await clients();
    const added = ['a', 'b', 'c', 'd'];
    const results = await Promise.all([
      ...added.map((id) => run('client', 'add', id)),
      run('client', 'rotate', 'client1'),
      run('client', 'revoke', 'gone'),
    ]);
    expect(results.map(({ code, stderr }) => (code === 0 ? 'ok' : stderr))).toEqual(results.map(() => 'ok'));
    const listed = await clients();
    expect([...listed.keys()].sort()).toEqual([...added, 'client1'].sort());
    for (const { stdout } of results.slice(0, added.length + 1)) {
      const { clientId, clientKey } = parseLink(stdout);
      expect(listed.get(clientId)!.key).toBe(formatClientKey(clientKey));
    }
    expect(listed.get('client1')!.oldKey).toBe(before.get('client1')!.key);
    expect(await names()).toEqual(FILES);
  });

  it('prepare one certificate, and change to one', async () => {
    const { init, run, names } = await initialised();
    await succeed('server-concentrator', init);
    const prepared = await Promise.all([1, 2].map(() => run('certificate', 'prepare')));
    expect(prepared.map(({ code }) => code).sort()).toEqual([0, 2]);
    const [, pin] = /"[^"]+", "([^"]+)"/.exec(prepared.map(({ stdout }) => stdout).join('')) ?? [];
    for (const { stderr } of prepared.filter(({ code }) => code !== 0)) {
      expect(stderr).toContain(`a certificate is prepared already, with the pin ${pin}`);
    }
    const changed = await Promise.all([1, 2].map(() => run('certificate', 'switch')));
    expect(changed.map(({ code }) => code).sort()).toEqual([0, 2]);
    expect((await run('check')).stdout).toContain(`certificate   ${pin}, expires`);
    expect(await names()).toEqual(FILES);
  });

  it('make one configuration', async () => {
    const { init, run, names } = await initialised();
    const made = await Promise.all([1, 2].map(() => runCommand('server-concentrator', init)));
    expect(made.map(({ code }) => code).sort()).toEqual([0, 2]);
    const link = parseLink(made.find(({ code }) => code === 0)!.stdout);
    const checked = await run('check');
    expect(checked.code).toBe(0);
    expect(checked.stdout).toContain(`certificate   ${link.pins[0]!.text}, expires`);
    expect(await names()).toEqual(FILES);
  });

  it('take over one link each, as a whole', async () => {
    const { init, run, folder } = await initialised();
    const first = await succeed('server-concentrator', init);
    const client = join(folder, 'client', 'client.yaml');
    const join_ = (link: string, ...args: string[]) =>
      runCommand('client-proxy', ['join', '-', ...args, '--config', client], { input: link });
    const joined = await Promise.all([1, 2].map(() => join_(first)));
    // The later one is refused where both began without a file, and else finds the first one's, and changes nothing of it.
    const refused = joined.filter(({ code }) => code !== 0);
    expect(refused.length).toBeLessThan(2);
    for (const { stderr } of refused) expect(stderr).toContain('exists already');
    const links = await Promise.all(['a', 'b'].map(async (id) => (await run('client', 'add', id)).stdout));
    const updated = await Promise.all(links.map((link) => join_(link, '--update')));
    expect(updated.map(({ code }) => code)).toEqual([0, 0]);
    const { client: identity } = parse(await readFile(client, 'utf8'));
    const taken = links.map(parseLink).find(({ clientId }) => clientId === identity.id)!;
    expect(identity.key).toBe(formatClientKey(taken.clientKey));
    expect(await readdir(join(folder, 'client'))).toEqual(['client.yaml']);
  });

  it('take over from one that was killed', async () => {
    const { init, run, folder, clients, names } = await initialised();
    await succeed('server-concentrator', init);
    const lock = join(folder, 'clients.yaml.lock');
    await writeFile(lock, '');
    // It was killed some seconds ago: the next one waits for the rest of its time, and says so.
    const then = new Date(Date.now() - 5_000);
    await utimes(lock, then, then);
    const added = await Promise.all(['a', 'b'].map((id) => run('client', 'add', id)));
    expect(added.map(({ code }) => code)).toEqual([0, 0]);
    // One that is slow to start may have little to wait for.
    expect(added.map(({ stderr }) => stderr).join('')).toContain('clients.yaml: waiting for it');
    expect([...(await clients()).keys()].sort()).toEqual(['a', 'b', 'client1']);
    expect(await names()).toEqual(FILES);
  });
});
