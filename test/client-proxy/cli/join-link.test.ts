import { appendFile, chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ClientCliDeps } from '../../../client-proxy/cli/client-cli-deps.ts';
import { loadClientConfig } from '../../../client-proxy/config/load-client-config.ts';
import { cli, KEY, LINK, PIN } from './client-cli-bed.ts';

describe('the link of tributary-client join', () => {
  const terminal = (answer: string | undefined) => ({
    isTerminal: true,
    readText: () => Promise.reject(new Error('nobody reads a pipe here')),
    ask: () => Promise.resolve(answer),
  });
  const pipe = (line: string | undefined) => ({
    isTerminal: false,
    readText: () => Promise.resolve(line),
    ask: () => Promise.reject(new Error('nobody is asked here')),
  });

  it.each<[string, ClientCliDeps['input'], string[]]>([
    ['asked for at a terminal', terminal(LINK), []],
    ['asked for, with the quotes of a shell', terminal(` '${LINK}' `), []],
    ['from a pipe', pipe(LINK), []],
    ['from a pipe by -', pipe(`"${LINK}"`), ['-']],
    ['from a pipe by --link-file -', pipe(LINK), ['--link-file', '-']],
    ['typed at a terminal by -', { ...terminal(undefined), readText: () => Promise.resolve(LINK) }, ['-']],
  ])('may come %s', async (_, input, args) => {
    const { exec, file } = await cli({ input });
    const { code, stderr } = await exec('join', ...args);
    expect([code, stderr.includes('warning')]).toEqual([0, false]);
    expect((await loadClientConfig(file)).client.id).toBe('laptop');
  });

  it('may come from a file, with a warning if others can read it', async () => {
    const { exec, home } = await cli();
    const linkFile = join(home, 'link');
    await writeFile(linkFile, `${LINK}\n`, { mode: 0o600 });
    expect(await exec('join', '--link-file', 'link')).toMatchObject({ code: 0 });
    await chmod(linkFile, 0o644);
    expect((await exec('join', '--link-file', 'link', '--force')).stderr).toContain(
      `others can read ${linkFile}`,
    );
  });

  it('of a file that cannot be read is refused, and the way through a pipe is named', async () => {
    const { exec, home } = await cli();
    expect(await exec('join', '--link-file', 'link')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /cannot read \S+\/link: .+; to read the link from a pipe, use "tributary-client join -"\n$/,
      ),
    });
    expect((await exec('join', '--link-file', home)).stderr).toContain(`${home} is not a file; to read`);
  });

  it('on the command line is taken with a warning', async () => {
    const { exec } = await cli();
    const { code, stderr } = await exec('join', LINK);
    expect([code, stderr.split('\n')[0]]).toEqual([
      0,
      expect.stringMatching(/^warning: a link on the command line can be seen by other users/),
    ]);
  });

  it.each([
    ['given up', terminal(undefined)],
    ['empty', terminal('  ')],
    ['absent', pipe(undefined)],
  ])('that is %s changes nothing', async (_, input) => {
    const { exec, file } = await cli({ input });
    expect(await exec('join')).toMatchObject({ code: 2, stderr: 'tributary-client: no link was given\n' });
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  it('updates a configuration, and leaves the rest of it alone', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    await appendFile(file, '# mine\nsteering: { default: redundant }\n');
    const key = 'b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q';
    const pins = [PIN, `sha256:${'B'.repeat(42)}E`];
    const link = `tributary://laptop:${key}@other.example.org:443/?pin=${pins.join(',')}`;
    const { code, stderr } = await exec('join', link, '--update');
    expect([code, stderr.includes('SIGHUP'), stderr.includes(key)]).toEqual([0, true, false]);
    expect(await loadClientConfig(file)).toMatchObject({
      concentrator: {
        addresses: [{ host: 'other.example.org', port: 443 }],
        pins: pins.map((text) => ({ text })),
      },
      client: { key: Buffer.from(key, 'base64url') },
      steering: { default: { mode: 'redundant' } },
    });
    const text = await readFile(file, 'utf8');
    expect(text).toContain('# mine\n');
    expect(text).toContain('# The ways to the internet');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await exec('check')).stdout).toMatch(/^pin +sha256:A+\npin +sha256:B+E$/m);
  });

  it('updates the file that holds the key, where there is one', async () => {
    const { exec, file } = await cli();
    await exec('join', LINK);
    const keyFile = join(dirname(file), 'k');
    await writeFile(keyFile, `${KEY}\n`, { mode: 0o600 });
    await writeFile(file, (await readFile(file, 'utf8')).replace(`key: "${KEY}"`, 'keyFile: k'));
    const key = 'b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q';
    expect((await exec('join', LINK.replace(KEY, key), '--update')).code).toBe(0);
    expect(await readFile(keyFile, 'utf8')).toBe(`${key}\n`);
    expect(await readFile(file, 'utf8')).not.toContain(key);
    expect((await loadClientConfig(file)).client.key).toEqual(Buffer.from(key, 'base64url'));
  });
});
