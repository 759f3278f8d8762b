import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../shared/runtime/config/command-line.ts';
import { ConfigError } from '../../../shared/runtime/config/config-error.ts';
import { loadOrAdvise, readConfigText } from '../../../shared/runtime/config/read-config-text.ts';
import { toldAt } from '../../../shared/runtime/config/status-command.ts';
import { commandLineDeps } from '../../config/command-line-deps.ts';
import { asUser, IS_ROOT, NOBODY } from '../../support/as-user.ts';

const USUAL = { host: '127.0.0.1', port: 9101 };
const AS_ROOT = /permission denied\nRoot and the service may: run this as root$/;

describe.skipIf(!IS_ROOT)('a configuration that root and the service alone may read', () => {
  async function forbidden(env: Record<string, string> = {}) {
    const { deps, home, take } = await commandLineDeps({ env });
    const file = join(home, 'tributary-client.yaml');
    await writeFile(file, '', { mode: 0o640 });
    await chmod(home, 0o755);
    const load = async () => ({ file: await readConfigText(file) });
    const ask = (named?: string) => asUser(NOBODY, () => toldAt(load, named, USUAL, deps));
    return { file, load, ask, take };
  }

  it('is not needed to ask the program at its usual address, and that is said', async () => {
    const { file, ask, take } = await forbidden();
    expect(await ask()).toEqual({ metrics: { listen: USUAL } });
    expect(take().stderr).toBe(
      `${file}:1:1: cannot read ${file}: permission denied\nSo this asks at 127.0.0.1:9101, the usual address.\n`,
    );
  });

  it('is not passed over by whoever names it', async () => {
    await expect((await forbidden()).ask('a.yaml')).rejects.toThrow(AS_ROOT);
    const { ask } = await forbidden({ TRIBUTARY_CONFIG: 'a.yaml' });
    await expect(ask()).rejects.toThrow(AS_ROOT);
  });

  it('is for root to read, as commands say that need it', async () => {
    const { load } = await forbidden();
    const error = await asUser(NOBODY, () => loadOrAdvise(load)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toMatch(AS_ROOT);
  });
});

it('a mistake in a configuration is told as it is', async () => {
  const mistake = new ConfigError([]);
  const load = () => Promise.reject(mistake);
  await expect(loadOrAdvise(load)).rejects.toBe(mistake);
  await expect(toldAt(load, undefined, USUAL, { env: {}, stderr: () => {} })).rejects.toBe(mistake);
});
