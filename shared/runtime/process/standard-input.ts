import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import type { ProgramProcess } from './process-deps.ts';

/** Where a command reads what must not stand on its command line. */
export interface StandardInput {
  /** Whether a person types there; otherwise it is a pipe or a file. */
  readonly isTerminal: boolean;
  /**
   * What a pipe or file has, to its end or until `isEnough` says so of what has come; undefined where that is blank, or longer than
   * `maxBytes`.
   */
  readText(maxBytes: number, isEnough: (text: string) => boolean): Promise<string | undefined>;
  /** Asks at the terminal, and does not show what is typed. Undefined when the person gives up (Ctrl-C, Ctrl-D). */
  ask(question: string): Promise<string | undefined>;
}

/** The standard input of a process. It is opened when something is read. */
export function standardInput(
  process: Pick<ProgramProcess, 'stderr'> & { readonly stdin: NodeJS.ReadStream },
): StandardInput {
  return {
    isTerminal: isatty(0),
    async readText(maxBytes, isEnough) {
      let text = '';
      for await (const chunk of process.stdin.setEncoding('utf8')) {
        text += chunk;
        if (isEnough(text)) break;
        if (Buffer.byteLength(text) > maxBytes) return undefined;
      }
      return text.trim() === '' ? undefined : text;
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
