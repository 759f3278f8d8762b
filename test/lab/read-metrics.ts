import type { Namespace } from '../bed/namespace.ts';

/** Not a file of its own: this module also runs uncompiled. */
const PROGRAM = `process.stdout.write(await fetch(process.argv[1]).then((response) => response.text()))`;
const TIMEOUT_MS = 10_000;

/** All samples of a program's metrics, by name with labels. Rejects when it does not answer. */
export async function readMetrics(where: Namespace, url: string): Promise<Map<string, number>> {
  const args = ['--input-type=module', '-e', PROGRAM, url];
  const text = await where.exec(process.execPath, args, { timeoutMs: TIMEOUT_MS });
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const sample = /^(\w+(?:\{[^}]*\})?) (\S+)$/.exec(line);
    if (sample) values.set(sample[1]!, Number(sample[2]));
  }
  return values;
}
