import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

const run = promisify(execFile);
const COMPILER = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));
/** No collection but those that the program asks for, in its own thread: what it finds depends on nothing else. */
const ALONE = ['--expose-gc', '--single-threaded-gc', '--no-incremental-marking', '--min-semi-space-size=16'];

test('what has left is collected with the young, unlike with a Set or a Map', async () => {
  const folder = await temporaryDirectory();
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await run(process.execPath, [COMPILER, '-p', import.meta.dirname, '--outDir', folder]);
  const { stdout } = await run(process.execPath, [...ALONE, join(folder, 'test/protocol/garbage/growth.js')]);
  const growth = JSON.parse(stdout);
  console.info(stdout.trim());
  expect(growth.PassingSet).toBeLessThan(growth.Set / 4);
  expect(growth.PassingMap).toBeLessThan(growth.Map / 4);
  // Otherwise V8 has mended its tables, and there is no need of ours.
  expect(growth.Set).toBeGreaterThan(10e6);
  expect(growth.Map).toBeGreaterThan(10e6);
});
