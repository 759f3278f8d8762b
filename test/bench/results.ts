import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';

/** Under what circumstances figures came about. */
export interface Circumstances {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the last minute before the start; others at work make every figure worse. */
  readonly loadAtStart: number;
}

/** As they are now. */
export function circumstances(): Circumstances {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    loadAtStart: loadavg()[0] ?? 0,
  };
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
