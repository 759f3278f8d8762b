import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Checkout } from './checkout.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkout-test-'));
  await write('package.json', '{"name": "tributary"}', 0);
  await write('node_modules/.package-lock.json', '{}', 0);
  await write('client-proxy/main.ts', '', 100);
  await write('shared/deep/inside.ts', '', 100);
  await write('dist/client-proxy/main.js', '', 200);
  await write('dist/shared/deep/inside.js', '', 200);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Writes a file that was changed at this time, in seconds. */
async function write(name: string, text: string, changedAtSeconds: number): Promise<void> {
  const file = join(folder, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  await utimes(file, changedAtSeconds, changedAtSeconds);
}

test('programs that are as new as their sources can be used', async () => {
  const checkout = await Checkout.at(folder);
  expect(checkout.program('client-proxy')).toBe(join(folder, 'dist/client-proxy/main.js'));
  expect(() => checkout.program('server-concentrator')).toThrow('run "npm run build"');
});

test.each([
  ['has no node_modules', () => rm(join(folder, 'node_modules'), { recursive: true })],
  ['has no dist', () => rm(join(folder, 'dist'), { recursive: true })],
  ['inside.js is missing', () => rm(join(folder, 'dist/shared/deep/inside.js'))],
  ['inside.js is older than shared/deep/inside.ts', () => write('shared/deep/inside.ts', '', 300)],
])('a checkout that %s is refused, with the command that mends it', async (reason, spoil) => {
  await spoil();
  await expect(Checkout.at(folder)).rejects.toThrow(reason);
  await expect(Checkout.at(folder)).rejects.toThrow(`run "npm ci && npm run build" in ${folder}`);
});

test('what is no checkout of this project is refused', async () => {
  await write('package.json', '{"name": "other"}', 0);
  await expect(Checkout.at(folder)).rejects.toThrow('is not a checkout of this project');
  await rm(join(folder, 'package.json'));
  await expect(Checkout.at(folder)).rejects.toThrow('is not a checkout of this project');
});

test('our own is the one with this file, and outside of a repository there is no commit', async () => {
  expect(import.meta.filename.startsWith(Checkout.own().folder)).toBe(true);
  expect(await (await Checkout.at(folder)).commit()).toBeUndefined();
});
