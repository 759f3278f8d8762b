import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import type { ProgramProcess } from './process-deps.ts';

/** Where a command reads what must not stand on its command line. */
export interface StandardInput {
  /** Whether a person types there; otherwise it is a pipe or a file. */
  readonly isTerminal: boolean;
  /** The first line that is not blank, of a pipe or file; undefined when there is none within `maxBytes`. */
  readLine(maxBytes: number): Promise<string | undefined>;
  /** Asks at the terminal, and does not show what is typed. Undefined when the person gives up (Ctrl-C, Ctrl-D). */
  ask(question: string): Promise<string | undefined>;
}

/** The standard input of a process. It is opened when something is read. */
export function standardInput(
  process: Pick<ProgramProcess, 'stderr'> & { readonly stdin: NodeJS.ReadStream },
): StandardInput {
  return {
    isTerminal: isatty(0),
    async readLine(maxBytes) {
      let text = '';
      for await (const chunk of process.stdin.setEncoding('utf8')) {
        text += chunk;
        const [line] = text.trimStart().split(/[\r\n]/, 1);
        if (/\S[^\r\n]*[\r\n]/.test(text)) return line;
        if (Buffer.byteLength(text) > maxBytes) return undefined;
      }
      return text.trim() === '' ? undefined : text.trim();
    },
    ask(question) {
      // What readline would show of the line goes nowhere.
      const output = new Writable({ write: (_chunk, _encoding, done) => done() });
      const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
      // Only now, when the terminal shows nothing any more: some paste as soon as they are asked.
      process.stderr.write(question);
      return new Promise((resolve) => {
        lines.once('line', (line) => {
          resolve(line);
          lines.close();
        });
        lines.once('SIGINT', () => lines.close());
        lines.once('close', () => {
          process.stderr.write('\n');
          resolve(undefined);
        });
      });
    },
  };
}
