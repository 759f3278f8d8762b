import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { needs } from '../support/needs.ts';
import { runCommand, succeed } from './support/command.ts';
import { initIn, temporaryFolder } from './support/folder.ts';

/** Nobody and nobody's group, who own the service's directory here. */
const OTHER = 65_534;

describe("root's commands in a directory of another user", { ...needs('mounts') }, () => {
  /** A concentrator's files in a directory that the service's user owns, and what he must not be able to change. */
  async function attacked() {
    const folder = await temporaryFolder();
    await chmod(folder, 0o755);
    const link = await initIn(join(folder, 'etc'));
    const etc = join(folder, 'etc');
    for (const name of ['', ...(await readdir(etc))]) await chown(join(etc, name), OTHER, OTHER);
    const victim = join(folder, 'shadow');
    await writeFile(victim, 'root:secret\n', { mode: 0o600 });
    const config = join(etc, 'tributary-concentrator.yaml');
    const untouched = async () => {
      const { uid, mode } = await stat(victim);
      expect([await readFile(victim, 'utf8'), uid, mode & 0o777]).toEqual(['root:secret\n', 0, 0o600]);
      expect((await readdir(folder)).sort()).toEqual(['etc', 'shadow']);
    };
    return { folder, etc, victim, config, link, untouched };
  }

  it('follow no link: client add, rotate, revoke, init, join, certificate', async () => {
    const { etc, victim, config, link, untouched } = await attacked();
    const clients = join(etc, 'clients.yaml');
    const text = await readFile(clients, 'utf8');
    // A list that can be read, behind a link to a file of root's.
    await writeFile(victim, text);
    await rm(clients);
    await symlink(victim, clients);
    for (const args of [
      ['client', 'add', 'x'],
      ['client', 'rotate', 'client1'],
      ['client', 'revoke', 'client1'],
    ]) {
      const { code, stderr, stdout } = await runCommand('server-concentrator', [...args, '--config', config]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain('as root it is not followed');
    }
    expect(await readFile(victim, 'utf8')).toBe(text);
    await writeFile(victim, 'root:secret\n');

    for (const name of ['key.pem', 'certificate.pem', 'tributary-concentrator.yaml', 'client.yaml']) {
      await rm(join(etc, name), { force: true });
      await symlink(victim, join(etc, name));
    }
    const init = ['init', '--public', '127.0.0.1', '--force', '--directory', etc];
    expect((await runCommand('server-concentrator', init)).code).toBe(1);
    const join_ = ['join', '-', '--force', '--config', join(etc, 'client.yaml')];
    expect((await runCommand('client-proxy', join_, { input: link })).code).toBe(1);
    await untouched();
  });

  it('follow no link of a directory on the way, and no name that leads out', async () => {
    const { folder, etc, config, untouched } = await attacked();
    await symlink(folder, join(etc, 'sub'));
    const text = await readFile(config, 'utf8');
    for (const name of ['sub/clients.yaml', `${folder}/clients.yaml`, '../clients.yaml']) {
      await writeFile(join(folder, 'clients.yaml'), '[]\n');
      await writeFile(config, text.replace('clients: clients.yaml', `clients: ${name}`));
      await chown(config, OTHER, OTHER);
      const { code, stderr } = await runCommand('server-concentrator', [
        'client',
        'add',
        'x',
        '--config',
        config,
      ]);
      expect([name, code]).toEqual([name, 1]);
      expect(stderr).toMatch(/as root it is not followed|belongs to another user/);
      expect(await readFile(join(folder, 'clients.yaml'), 'utf8')).toBe('[]\n');
      await rm(join(folder, 'clients.yaml'));
    }
    await untouched();
  });

  it('work all the same, and give what they write to the owner of what was there', async () => {
    const { etc, config, untouched } = await attacked();
    await chmod(join(etc, 'clients.yaml'), 0o640);
    await succeed('server-concentrator', ['client', 'add', 'x', '--config', config]);
    await succeed('server-concentrator', ['certificate', 'prepare', '--config', config]);
    await succeed('server-concentrator', ['certificate', 'switch', '--config', config]);
    for (const [name, mode] of [
      ['clients.yaml', 0o640],
      ['key.pem', 0o600],
      ['certificate.pem', 0o600],
    ] as const) {
      const found = await stat(join(etc, name));
      expect([name, found.uid, found.gid, found.mode & 0o777]).toEqual([name, OTHER, OTHER, mode]);
    }
    expect((await readdir(etc)).filter((name) => name.startsWith('.') || name.includes('next'))).toEqual([]);
    await untouched();
  });

  it("take over no owner from a file that stands in everybody's directory", async () => {
    const folder = await temporaryFolder();
    const link = await initIn(join(folder, 'etc'));
    const common = join(folder, 'tmp');
    await mkdir(common);
    await chmod(common, 0o1777);
    const target = join(common, 'client.yaml');
    await writeFile(target, '');
    await chown(target, OTHER, OTHER);
    await succeed('client-proxy', ['join', '-', '--force', '--config', target], { input: link });
    expect(await stat(target).then(({ uid, mode }) => [uid, mode & 0o777])).toEqual([0, 0o600]);
  });

  it('take no configuration from the working directory, and wait for no pipe', async () => {
    const { etc, config } = await attacked();
    const env = { ...process.env, HOME: '/nonexistent', XDG_CONFIG_HOME: '', TRIBUTARY_CONFIG: '' };
    const check = await runCommand('server-concentrator', ['check'], { cwd: etc, env });
    expect(check.stdout).not.toContain(config);
    await rm(join(etc, 'clients.yaml'));
    await promisify(execFile)('mkfifo', [join(etc, 'clients.yaml')]);
    const listed = await runCommand('server-concentrator', ['client', 'list', '--config', config]);
    expect([listed.code, listed.stderr]).toEqual([2, expect.stringContaining('is not a file')]);
  });

  it('write for a service what its group may read, where all is root’s', async () => {
    const folder = await temporaryFolder();
    const etc = join(folder, 'etc');
    await initIn(etc);
    const config = join(etc, 'tributary-concentrator.yaml');
    await chown(etc, 0, OTHER);
    await chmod(etc, 0o750);
    for (const name of await readdir(etc)) {
      await chown(join(etc, name), 0, OTHER);
      await chmod(join(etc, name), 0o640);
    }
    await succeed('server-concentrator', ['client', 'add', 'x', '--config', config]);
    await succeed('server-concentrator', ['certificate', 'prepare', '--config', config]);
    for (const name of ['clients.yaml', 'key.next.pem', 'certificate.next.pem']) {
      const found = await stat(join(etc, name));
      expect([name, found.uid, found.gid, found.mode & 0o777]).toEqual([name, 0, OTHER, 0o640]);
    }
    expect((await runCommand('server-concentrator', ['check', '--config', config])).stderr).not.toContain(
      'others can read',
    );
  });
});
