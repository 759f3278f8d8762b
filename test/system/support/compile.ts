import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './program.ts';

const COMPILER = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const TIMEOUT_MS = 60_000;

/** Compiles programs of `test/`, and the two programs, too, when nobody has: others may be running them. */
export async function compile(project: string): Promise<void> {
  const isBuilt = existsSync(join(ROOT, 'dist', 'client-proxy', 'main.js'));
  for (const each of isBuilt ? [project] : ['tsconfig.build.json', project])
    await promisify(execFile)(process.execPath, [COMPILER, '-p', join(ROOT, each)], { timeout: TIMEOUT_MS });
}
