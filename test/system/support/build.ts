import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './program.ts';

const run = promisify(execFile);

/** What `npm run build` compiles. */
const SOURCES = ['client-proxy', 'server-concentrator', 'shared', 'deploy'];
const CONFIGS = ['tsconfig.json', 'tsconfig.build.json'];
/** Each build writes all files anew: the age of these is that of the last build. */
const PRODUCTS = ['client-proxy/main.js', 'server-concentrator/main.js'];

/**
 * Vitest calls this once before all tests: the system tests run the built programs, so they are built first when missing or
 * older than their source. Throws an Error with the compiler's words when they do not compile.
 */
export default async function buildWhenStale(): Promise<void> {
  const times = await Promise.all(SOURCES.map((folder) => newestIn(join(ROOT, folder))));
  for (const file of CONFIGS) times.push(await modified(join(ROOT, file)));
  const products = await Promise.all(PRODUCTS.map((file) => modified(join(ROOT, 'dist', file))));
  if (Math.min(...products) >= Math.max(...times)) return;
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  await run(process.execPath, [compiler, '-p', join(ROOT, 'tsconfig.build.json')], { timeout: 60_000 }).catch(
    ({ stdout, message }) => {
      throw new Error(`the programs do not compile:\n${stdout || message}`);
    },
  );
}

async function newestIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const times = await Promise.all(files.map(({ parentPath, name }) => modified(join(parentPath, name))));
  return Math.max(0, ...times);
}

/** 0 when there is no such file. */
async function modified(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.mtimeMs,
    () => 0,
  );
}
