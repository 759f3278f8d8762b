import { once } from 'node:events';
import type { Namespace } from '../bed/namespace.ts';

/** Not a file of its own: this module also runs uncompiled. */
const PROGRAM = `
const [url, ...lines] = process.argv.slice(1);
for (;;) {
  const text = await fetch(url).then((response) => response.text(), () => '');
  if (lines.every((line) => text.split('\\n').includes(line))) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}`;

/**
 * Resolves when the client whose metrics are served at `url` has a subflow on each of these uplinks; rejects when it has not
 * after `limitMs`.
 */
export async function untilUp(
  where: Namespace,
  url: string,
  uplinks: readonly string[],
  limitMs: number,
): Promise<void> {
  const lines = uplinks.map((name) => `tributary_uplink_up{uplink="${name}"} 1`);
  // The bed ends it, too, when it is closed before.
  const child = where.spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, url, ...lines], {
    stdio: 'ignore',
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  const [code] = await once(child, 'exit');
  clearTimeout(timer);
  if (code !== 0) throw new Error(`no subflow on each of ${uplinks.join(', ')} within ${limitMs} ms`);
}
