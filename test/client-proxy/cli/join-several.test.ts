import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadClientConfig } from '../../../client-proxy/config/load-client-config.ts';
import { formatDestination } from '../../../shared/protocol/destination.ts';
import { cli, KEY, LINK, PIN } from './client-cli-bed.ts';

const pinOf = (letter: string) => `sha256:${letter.repeat(42)}E`;
const link = (host: string, letter: string, more = '', id = 'laptop', key = KEY) =>
  `tributary://${id}:${key}@${host}/?pin=${pinOf(letter)}${more}`;
const FAR = link('far.example.org:443', 'F', '&name=far');
const OTHER_KEY = `z${KEY.slice(1)}`;

/** What the file says of each concentrator. */
async function told(file: string) {
  const { concentrators } = await loadClientConfig(file);
  return concentrators.map(({ name, concentrator: { addresses, pins }, client }) => [
    name,
    addresses.map(formatDestination).join(),
    pins.map(({ text }) => text).join(),
    client.id,
    Buffer.from(client.key).toString('base64url'),
  ]);
}

const joined = async () => {
  const bed = await cli();
  await bed.exec('join', LINK);
  return { ...bed, before: await told(bed.file) };
};

describe('join, where there is a configuration', () => {
  it('adds a concentrator, gives the one that there was a name, and keeps comments', async () => {
    const { exec, file, before } = await joined();
    const { code, stderr } = await exec('join', FAR);
    expect([code, stderr]).toEqual([0, expect.stringContaining('Added the concentrator far to')]);
    const [[, ...first]] = before as [string[]];
    expect(await told(file)).toEqual([
      ['vps.example.org', ...first],
      ['far', 'far.example.org:443', pinOf('F'), 'laptop', KEY],
    ]);
    const text = await readFile(file, 'utf8');
    expect(text).toContain("# The SHA-256 of the concentrator's certificate");
    // The same key stands there once.
    expect(text.match(new RegExp(KEY, 'g'))).toHaveLength(1);
  });

  it('says that nothing uses it as long as the mode is direct', async () => {
    const { exec, file } = await joined();
    await writeFile(file, `mode: direct\n${await readFile(file, 'utf8')}`);
    const { code, stderr } = await exec('join', FAR);
    expect([code, stderr.split('\n').slice(1)]).toEqual([
      0,
      [
        `Added the concentrator far to ${file}.`,
        `mode: direct stands in ${file}: take it out, so that a concentrator is used.`,
        '',
      ],
    ]);
  });

  it.each([[[FAR]], [[LINK, '--update']]])(
    'starts the service, or says that there is none: %j',
    async (args) => {
      const { exec } = await joined();
      const { code, stderr } = await exec('join', ...args, '--start');
      expect([code, stderr]).toEqual([2, expect.stringContaining('there is none: the files are written')]);
      expect(stderr).not.toContain('SIGHUP');
    },
  );

  it.each([
    ['by its name', link('other.example.org:443', 'G', '&name=far')],
    ['by its address', link('far.example.org:443', 'G')],
    ['by its pin', link('other.example.org:443', 'F')],
  ])('updates the one that the link is about: %s', async (_, changed) => {
    const { exec, file } = await joined();
    await exec('join', FAR);
    const withKey = changed.replace(KEY, OTHER_KEY);
    expect((await exec('join', withKey)).stderr).toContain('Changed');
    const [first, far, ...others] = await told(file);
    expect([first![4], far![0], far![4], others]).toEqual([KEY, 'far', OTHER_KEY, []]);
    expect(withKey).toContain(`${far![1]}/?pin=${far![2]}`);
  });

  it('adds one of the same certificate that has another name', async () => {
    const { exec, file } = await joined();
    await exec('join', FAR);
    await exec('join', link('third.example.org:443', 'F', '&name=third'));
    expect((await told(file)).map(([name]) => name)).toEqual(['vps.example.org', 'far', 'third']);
  });

  it('updates the only one by its address, as --update does', async () => {
    const { exec, file } = await joined();
    await exec('join', LINK.replace(KEY, OTHER_KEY));
    expect((await told(file)).map(([name, , pin, , key]) => [name, pin, key])).toEqual([
      ['concentrator', PIN, OTHER_KEY],
    ]);
  });

  it('adds nothing with --update', async () => {
    const { exec, file } = await joined();
    await exec('join', FAR);
    const { code, stderr } = await exec('join', link('third.example.org:443', 'H'), '--update');
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('about none of the concentrators that there are'),
    ]);
    expect(await told(file)).toHaveLength(2);
  });

  it('writes the file of a key', async () => {
    const { exec, file } = await joined();
    const text = await readFile(file, 'utf8');
    await writeFile(join(dirname(file), 'k'), KEY, { mode: 0o600 });
    await writeFile(file, text.replace(/^ {2}key: .*/m, '  keyFile: k'), { mode: 0o600 });
    expect(await exec('join', LINK.replace(KEY, OTHER_KEY))).toMatchObject({ code: 0 });
    expect(await readFile(join(dirname(file), 'k'), 'utf8')).toBe(`${OTHER_KEY}\n`);
  });

  it('leaves the file of a key as it was where the next link is about none that is there', async () => {
    const { exec, file } = await joined();
    await exec('join', FAR);
    const keyFile = join(dirname(file), 'k');
    await writeFile(keyFile, KEY, { mode: 0o600 });
    const text = (await readFile(file, 'utf8')).replace(
      /^( +)- name: vps.*/m,
      '$&\n$1  id: laptop\n$1  keyFile: k',
    );
    await writeFile(file, text, { mode: 0o600 });
    const update = LINK.replace(KEY, OTHER_KEY);
    const stranger = link('third.example.org:443', 'H');
    expect(await exec('join', `${update} ${stranger}`, '--update')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('about none of the concentrators'),
    });
    expect([await readFile(keyFile, 'utf8'), await readFile(file, 'utf8')]).toEqual([KEY, text]);
    expect((await exec('join', update, '--update')).code).toBe(0);
    expect(await readFile(keyFile, 'utf8')).toBe(`${OTHER_KEY}\n`);
  });

  it('takes no more than a client can have', async () => {
    const { exec } = await joined();
    for (let i = 1; i < 8; i++)
      expect((await exec('join', link(`h${i}.example.org:1`, 'ABCDEFGHI'[i]!))).code).toBe(0);
    const { code, stderr } = await exec('join', link('h9.example.org:1', 'K'));
    expect([code, stderr]).toEqual([2, expect.stringContaining('8 concentrators already')]);
  });
});

describe('a link of several concentrators', () => {
  it('makes a configuration with all of them', async () => {
    const { exec, file } = await cli();
    expect((await exec('join', `${LINK} ${FAR}`)).code).toBe(0);
    expect((await told(file)).map(([name]) => name)).toEqual(['vps.example.org', 'far']);
  });

  it('adds those that are not there', async () => {
    const { exec, file } = await joined();
    expect(
      (await exec('join', `${LINK} ${FAR} ${link('third.example.org:443', 'H', '&name=third')}`)).code,
    ).toBe(0);
    expect((await told(file)).map(([name]) => name)).toEqual(['vps.example.org', 'far', 'third']);
  });
});

describe('leave', () => {
  it('takes a concentrator out, but not the last', async () => {
    const { exec, file } = await joined();
    await exec('join', FAR);
    expect((await exec('leave', 'vps.example.org')).stderr).toContain(
      'Took the concentrator vps.example.org out',
    );
    expect((await told(file)).map(([name]) => name)).toEqual(['far']);
    expect(await exec('leave', 'far')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the only concentrator'),
    });
    expect(await exec('leave', 'fra')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there are far'),
    });
  });

  it('refuses to leave a configuration that would have a mistake', async () => {
    const { exec, file } = await joined();
    await exec('join', FAR);
    await writeFile(
      file,
      `${await readFile(file, 'utf8')}\nsteering: { rules: [{ host: a.test, concentrator: far }] }\n`,
    );
    const { code, stderr } = await exec('leave', 'far');
    expect([code, stderr]).toEqual([2, expect.stringContaining('no concentrator is called "far"')]);
    expect(await told(file)).toHaveLength(2);
  });
});
