import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { Checkout } from './checkout.ts';

/** The circumstances of a measurement. */
export interface Circumstances {
  readonly date: string;
  /** Of the sources, with `+` where they have been changed since; absent outside a checkout. */
  readonly commit?: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Load of the last minute before the start. Other programs at work make every figure worse. */
  readonly loadAtStart: number;
}

/** The circumstances now. */
export async function circumstances(): Promise<Circumstances> {
  const processors = cpus();
  const commit = await Checkout.own().commit();
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

/** In a line, for above a table. */
export function circumstancesText(where: Circumstances): string {
  const { date, commit, cpu, cores, memoryGiB, kernel, node, loadAtStart } = where;
  return (
    `${date.slice(0, 10)}, ${cores} x ${cpu}, ${memoryGiB} GiB, Linux ${kernel}, Node.js ${node}` +
    `${commit ? `, commit ${commit}` : ''}; load at the start ${loadAtStart.toFixed(1)}`
  );
}

/** What is written beside the JSON, by name. */
export interface Attachments {
  /** In Markdown. */
  readonly texts?: ReadonlyMap<string, string>;
  /** In SVG. */
  readonly pictures?: ReadonlyMap<string, string>;
}

/** Writes `<date>.json`, `<date>-<name>.md` and `<date>-<name>.svg` to `folder`; answers the path of the JSON. */
export async function writeResults(
  folder: string,
  where: Circumstances,
  content: object,
  { texts = new Map(), pictures = new Map() }: Attachments,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const stem = join(folder, where.date.slice(0, 19).replaceAll(':', '-'));
  const file = `${stem}.json`;
  const beside = (name: string) => `${stem}-${name.replaceAll('/', '-')}`;
  await writeFile(file, JSON.stringify({ circumstances: where, ...content }));
  for (const [name, text] of texts) await writeFile(`${beside(name)}.md`, `${text}\n`);
  for (const [name, svg] of pictures) await writeFile(`${beside(name)}.svg`, svg);
  return file;
}
