import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The C programs, and a library to preload into others; and the files of `native/` that each is made of. */
const SOURCES = {
  emulator: ['emulator.c', 'direction.c', 'packet.c', 'namespaces.c'],
  probe: ['probe.c'],
  load: ['load.c'],
  flood: ['flood.c'],
  datagrams: ['datagrams.c'],
  'clock.so': ['clock.c'],
} as const;
const OPTIONS = ['-O2', '-Wall', '-Wextra', '-Werror'];
const SHARED = ['-shared', '-fPIC'];
const LIBRARIES = ['-lm', '-lpthread', '-ldl'];
const TIMEOUT_MS = 60_000;

/**
 * The path of what is compiled from C, built first when it is missing or older than any of the sources.
 * Throws an Error with the compiler's words when it does not compile.
 */
export async function compiled(name: keyof typeof SOURCES): Promise<string> {
  const folder = nativeFolder();
  const program = join(folder, '..', 'build', name);
  if ((await modifiedAtMs(program)) >= (await newestAtMs(folder))) return program;
  await mkdir(dirname(program), { recursive: true });
  // Several test workers may compile at once: each builds its own file, and the rename is atomic.
  const draft = `${program}.${process.pid}`;
  const sources = SOURCES[name].map((file) => join(folder, file));
  const options = name.endsWith('.so') ? [...OPTIONS, ...SHARED] : OPTIONS;
  await run('cc', [...options, '-o', draft, ...sources, ...LIBRARIES], { timeout: TIMEOUT_MS });
  await rename(draft, program);
  return program;
}

async function newestAtMs(folder: string): Promise<number> {
  const files = await readdir(folder);
  return Math.max(...(await Promise.all(files.map((file) => modifiedAtMs(join(folder, file))))));
}

/** 0 when there is no such file. */
async function modifiedAtMs(file: string): Promise<number> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

/** This module may run from a folder of compiled JavaScript anywhere below the project. */
function nativeFolder(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'test', 'bed', 'native');
    if (existsSync(candidate)) return candidate;
  }
  throw new Error(`test/bed/native not found above ${import.meta.dirname}`);
}
