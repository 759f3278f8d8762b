import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultConfigDirectory, findConfigFile } from '../../../shared/runtime/config/config-search.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

const wanted = { fileName: 'tributary-test.yaml', nextCommand: 'tributary-test init' };

async function place() {
  const root = await temporaryDirectory();
  const put = async (...path: string[]) => {
    const file = join(root, ...path);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, '');
    return file;
  };
  const places = { cwd: join(root, 'cwd'), homeDirectory: join(root, 'home'), env: {}, isRoot: false };
  return { root, put, places };
}

describe('the search for a configuration', () => {
  it('prefers --config, then TRIBUTARY_CONFIG, the working directory, XDG_CONFIG_HOME', async () => {
    const { root, put, places } = await place();
    const inXdg = await put('xdg', 'tributary', wanted.fileName);
    const inCwd = await put('cwd', wanted.fileName);
    const inEnv = await put('env.yaml');
    const named = await put('cwd', 'named.yaml');
    const env = { TRIBUTARY_CONFIG: inEnv, XDG_CONFIG_HOME: join(root, 'xdg') };
    expect(await findConfigFile({ ...wanted, named: 'named.yaml' }, { ...places, env })).toBe(named);
    expect(await findConfigFile(wanted, { ...places, env })).toBe(inEnv);
    expect(await findConfigFile(wanted, places)).toBe(inCwd);
    const elsewhere = { ...places, cwd: join(root, 'other'), env: { XDG_CONFIG_HOME: join(root, 'xdg') } };
    expect(await findConfigFile(wanted, elsewhere)).toBe(inXdg);
  });

  it('leaves out the working directory as root, where any user may have put a file', async () => {
    const { put, places } = await place();
    await put('cwd', wanted.fileName);
    const inHome = await put('home', '.config', 'tributary', wanted.fileName);
    expect(await findConfigFile(wanted, { ...places, isRoot: true })).toBe(inHome);
    const nowhere = { ...places, homeDirectory: '/nonexistent', isRoot: true };
    await expect(findConfigFile(wanted, nowhere)).rejects.toThrow(
      'looked for\n  /nonexistent/.config/tributary/tributary-test.yaml\n  /etc/tributary/',
    );
  });

  it('falls back to ~/.config, also when XDG_CONFIG_HOME is relative', async () => {
    const { put, places } = await place();
    const inHome = await put('home', '.config', 'tributary', wanted.fileName);
    expect(await findConfigFile(wanted, { ...places, env: { XDG_CONFIG_HOME: 'relative' } })).toBe(inHome);
  });

  it('does not look further when the named one is absent', async () => {
    const { put, places } = await place();
    await put('cwd', wanted.fileName);
    await expect(findConfigFile({ ...wanted, named: 'absent' }, places)).rejects.toThrow(
      '(named by --config)',
    );
    const env = { TRIBUTARY_CONFIG: 'absent' };
    await expect(findConfigFile(wanted, { ...places, env })).rejects.toThrow('(named by TRIBUTARY_CONFIG)');
  });

  it('lists where it looked, and what to run', async () => {
    const { root, places } = await place();
    await expect(findConfigFile(wanted, places)).rejects.toThrow(
      `no configuration found; looked for
  ${root}/cwd/tributary-test.yaml
  ${root}/home/.config/tributary/tributary-test.yaml
  /etc/tributary/tributary-test.yaml
Make one with: tributary-test init
or name one with --config FILE`,
    );
  });

  it('writes for the system as root, for the user otherwise', async () => {
    const { places } = await place();
    expect(defaultConfigDirectory(places)).toBe(`${places.homeDirectory}/.config/tributary`);
    expect(defaultConfigDirectory({ ...places, isRoot: true })).toBe('/etc/tributary');
  });
});
