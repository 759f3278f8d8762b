import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { setProxy, unsetProxy } from '../../../client-proxy/desktop-proxy/change-proxy.ts';
import { EnvironmentFile } from '../../../client-proxy/desktop-proxy/environment-file.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { needs } from '../../support/needs.ts';

/** What systemd runs at a login. */
const GENERATOR = '/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator';
const FOLDER = '.config/environment.d';
const FILE = `${FOLDER}/50-tributary-proxy.conf`;

describe('the file of variables for proxies', () => {
  it.each<[what: string, folders: readonly string[], files: readonly string[]]>([
    ['nothing', [], []],
    ['an empty folder around its own', ['.config'], []],
    ['an empty folder of its own', [FOLDER], []],
    ['an empty file', [FOLDER], [FILE]],
    ['a file of somebody else', [FOLDER], [`${FOLDER}/other.conf`]],
  ])('leaves %s as it was', async (_, folders, files) => {
    const homeDirectory = await temporaryDirectory();
    const record = join(await temporaryDirectory(), 'record.json');
    for (const folder of folders) await mkdir(join(homeDirectory, folder), { recursive: true });
    for (const file of files) await writeFile(join(homeDirectory, file), '');
    const paths = async () => (await readdir(homeDirectory, { recursive: true })).sort();
    const before = await paths();
    const store = new EnvironmentFile({ homeDirectory, env: {} }, []);
    for (const port of [1080, 1081]) await setProxy([store], { host: '127.0.0.1', port }, record, false);
    expect(await paths()).toContain(FILE);
    await unsetProxy([store], record, false);
    expect(await paths()).toEqual(before);
  });

  it('that somebody has changed since stays', async () => {
    const homeDirectory = await temporaryDirectory();
    const record = join(await temporaryDirectory(), 'record.json');
    const store = new EnvironmentFile({ homeDirectory, env: {} }, []);
    await setProxy([store], { host: '127.0.0.1', port: 1080 }, record, false);
    await writeFile(join(homeDirectory, FILE), 'mine=1\n');
    const [change] = await unsetProxy([store], record, false);
    expect([change!.problem, change!.left]).toEqual([undefined, ['text']]);
    expect(await readdir(join(homeDirectory, FOLDER))).toEqual(['50-tributary-proxy.conf']);
  });

  it('keeps hosts that others reach without a proxy, and names files that are read later', async () => {
    const homeDirectory = await temporaryDirectory();
    const ofSystem = await temporaryDirectory();
    const record = join(await temporaryDirectory(), 'record.json');
    await mkdir(join(homeDirectory, FOLDER), { recursive: true });
    const mine = (name: string, text: string) => writeFile(join(homeDirectory, FOLDER, name), text);
    await mine(
      '10-proxy.conf',
      'no_proxy="intranet.example.org, localhost"\nhttp_proxy=http://old.example.org:3128\n',
    );
    await mine('20-other.conf', '# no_proxy=comment.example.org\nLANG=C\n');
    await mine('60-proxy.conf', 'http_proxy=http://late.example.org:3128\n');
    await mine('70-other.conf', 'LANG=C\n');
    await writeFile(join(ofSystem, '10-proxy.conf'), 'no_proxy=hidden.example.org\n');
    await writeFile(join(ofSystem, '15-proxy.conf'), 'NO_PROXY=$SITE.example.org\n');
    // It goes on with those before it. Named in ours, they would be there once more whenever systemd reads all files again.
    await mine(
      '30-site.conf',
      `no_proxy=\${no_proxy},corp.example.org\nNO_PROXY=corp.example.org,$NO_PROXY\n`,
    );
    await writeFile(join(ofSystem, '99-environment.conf'), 'export all_proxy=late\n');
    const store = new EnvironmentFile({ homeDirectory, env: {} }, [ofSystem]);
    for (let time = 0; time < 2; time++)
      await setProxy([store], { host: '127.0.0.1', port: 1080 }, record, false);
    const hosts = 'intranet.example.org,localhost,corp.example.org,$SITE.example.org,127.0.0.0/8,::1';
    const text = await readFile(join(homeDirectory, FILE), 'utf8');
    expect(text).toContain(`\nno_proxy=${hosts}\nNO_PROXY=${hosts}\n`);
    const later = [join(homeDirectory, FOLDER, '60-proxy.conf'), join(ofSystem, '99-environment.conf')];
    expect(store.effect).toBe(
      `from the next login on, but not what ${later.join(', ')} set: they are read later`,
    );
  });

  it('is read by systemd as it is meant', needs('systemd'), async () => {
    const homeDirectory = await temporaryDirectory();
    const record = join(await temporaryDirectory(), 'record.json');
    await mkdir(join(homeDirectory, FOLDER), { recursive: true });
    await writeFile(
      join(homeDirectory, FOLDER, '10-proxy.conf'),
      'SITE=a.example.org\nno_proxy="$SITE, b.example.org"\n',
    );
    const store = new EnvironmentFile({ homeDirectory, env: {} }, []);
    await setProxy([store], { host: '127.0.0.1', port: 1080 }, record, false);
    const environment = execFileSync(GENERATOR, { env: { HOME: homeDirectory }, encoding: 'utf8' });
    expect(environment).toContain('no_proxy=a.example.org,b.example.org,localhost,127.0.0.0/8,::1\n');
    expect(environment).toContain('http_proxy=http://127.0.0.1:1080\n');
  });
});
