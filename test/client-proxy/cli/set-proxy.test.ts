import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { cli } from './client-cli-bed.ts';

const FILE = '.config/environment.d/50-tributary-proxy.conf';

/** A note of what was set before, as `set-proxy` leaves it. */
async function note(folder: string, before: string): Promise<string> {
  const file = join(folder, 'proxy-before.json');
  await mkdir(folder, { recursive: true });
  await writeFile(file, JSON.stringify({ environment: [['text', { before, set: 'ours\n' }]] }));
  return file;
}

describe('tributary-client unset-proxy, by root', () => {
  it("goes by root's own note, and never by one that the service could have written", async () => {
    const stateOfService = await temporaryDirectory();
    const { exec, home } = await cli({ isRoot: true, env: { STATE_DIRECTORY: stateOfService } });
    const file = join(home, FILE);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'ours\n');
    const planted = await note(stateOfService, 'LD_PRELOAD=/var/lib/tributary/evil.so\n');

    expect(await exec('unset-proxy')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('no proxy was set'),
    });
    expect([await readFile(file, 'utf8'), (await readFile(planted, 'utf8')).includes('evil')]).toEqual([
      'ours\n',
      true,
    ]);

    await note(join(home, '.local/state/tributary'), 'before=1\n');
    expect(await exec('unset-proxy')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('environment: as before'),
    });
    expect(await readFile(file, 'utf8')).toBe('before=1\n');
  });
});
