import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * The path of the compiled C program of this folder, built first when it is missing or older than its source.
 * Throws an Error with the compiler's words when it does not compile.
 */
export async function compiled(name: 'emulator' | 'probe'): Promise<string> {
  const folder = sourceFolder();
  const source = join(folder, `${name}.c`);
  const program = join(folder, 'build', name);
  if ((await modified(program)) >= (await modified(source))) return program;
  await mkdir(dirname(program), { recursive: true });
  // Several test workers may compile at once: each builds its own file, and the rename is atomic.
  const draft = `${program}.${process.pid}`;
  await run('cc', ['-O2', '-Wall', '-Wextra', '-o', draft, source, '-lm'], { timeout: 60_000 });
  await rename(draft, program);
  return program;
}

async function modified(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.mtimeMs,
    () => 0,
  );
}

/** This module may run from a folder of compiled JavaScript anywhere below the project. */
function sourceFolder(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'test', 'bed');
    if (existsSync(join(candidate, 'emulator.c'))) return candidate;
  }
  throw new Error(`test/bed/emulator.c not found above ${import.meta.dirname}`);
}
