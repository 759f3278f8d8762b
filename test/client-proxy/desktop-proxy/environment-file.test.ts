import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { setProxy, unsetProxy } from '../../../client-proxy/desktop-proxy/change-proxy.ts';
import { EnvironmentFile } from '../../../client-proxy/desktop-proxy/environment-file.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

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
    const store = new EnvironmentFile({ homeDirectory, env: {} });
    for (const port of [1080, 1081]) await setProxy([store], { host: '127.0.0.1', port }, record, false);
    expect(await paths()).toContain(FILE);
    await unsetProxy([store], record, false);
    expect(await paths()).toEqual(before);
  });

  it('that somebody has changed since stays', async () => {
    const homeDirectory = await temporaryDirectory();
    const record = join(await temporaryDirectory(), 'record.json');
    const store = new EnvironmentFile({ homeDirectory, env: {} });
    await setProxy([store], { host: '127.0.0.1', port: 1080 }, record, false);
    await writeFile(join(homeDirectory, FILE), 'mine=1\n');
    const [change] = await unsetProxy([store], record, false);
    expect([change!.problem, change!.left]).toEqual([undefined, ['text']]);
    expect(await readdir(join(homeDirectory, FOLDER))).toEqual(['50-tributary-proxy.conf']);
  });
});
