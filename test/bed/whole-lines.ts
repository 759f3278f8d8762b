import type { Readable } from 'node:stream';

/**
 * Calls `onLine` with each line of what a program prints, without its end, and `onEnd` behind the last one. A last line without an end
 * is left out: its writer was killed in the middle of it, so nothing can be made of it.
 */
export function eachWholeLine(
  output: Readable,
  onLine: (line: string) => void,
  onEnd: () => void = () => {},
): void {
  let rest = '';
  output.setEncoding('utf8');
  output.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
  });
  output.once('close', onEnd);
}
