import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const GIT_TIMEOUT_MS = 5_000;

/** Under what circumstances figures came about. */
export interface Circumstances {
  readonly date: string;
  /** Of the sources, with `+` where they have been changed since; absent outside a checkout. */
  readonly commit?: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the last minute before the start; others at work make every figure worse. */
  readonly loadAtStart: number;
}

/** As they are now. */
export async function circumstances(): Promise<Circumstances> {
  const processors = cpus();
  const commit = await git('describe', '--always', '--dirty=+', '--abbrev=12');
  return {
    date: new Date().toISOString(),
    ...(commit ? { commit } : {}),
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    loadAtStart: loadavg()[0] ?? 0,
  };
}

async function git(...args: string[]): Promise<string> {
  return promisify(execFile)('git', args, { cwd: import.meta.dirname, timeout: GIT_TIMEOUT_MS }).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
}

/** Writes `<date>.json` and `<date>-<name>.svg` to `folder`; answers the JSON's path. */
export async function writeResults(
  folder: string,
  where: Circumstances,
  content: object,
  pictures: ReadonlyMap<string, string>,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const stem = join(folder, where.date.slice(0, 19).replaceAll(':', '-'));
  const file = `${stem}.json`;
  await writeFile(file, JSON.stringify({ circumstances: where, ...content }));
  for (const [name, svg] of pictures) await writeFile(`${stem}-${name.replaceAll('/', '-')}.svg`, svg);
  return file;
}
