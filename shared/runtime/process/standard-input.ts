import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import type { ProgramProcess } from './process-deps.ts';

/** Where a command reads what must not stand on its command line. */
export interface StandardInput {
  /** Whether a person types there; otherwise it is a pipe or a file. */
  readonly isTerminal: boolean;
  /**
   * What a pipe or file has, to its end, or until a pause where `isEnough` says so of what has come: some pipes stay open. Undefined where
   * that is blank, or longer than `maxBytes` and not enough.
   */
  readText(maxBytes: number, isEnough: (text: string) => boolean): Promise<string | undefined>;
  /** Asks at the terminal, and does not show what is typed. Undefined when the person gives up (Ctrl-C, Ctrl-D). */
  ask(question: string): Promise<string | undefined>;
}

/** What follows within it belongs to what has come, such as the next line of a text that is written line by line. */
const PAUSE_MS = 2_000;

/** The standard input of a process. It is opened when something is read. */
export function standardInput(
  process: Pick<ProgramProcess, 'stderr'> & { readonly stdin: NodeJS.ReadStream },
): StandardInput {
  return {
    isTerminal: isatty(0),
    readText(maxBytes, isEnough) {
      const stdin = process.stdin.setEncoding('utf8');
      return new Promise((resolve, reject) => {
        let text = '';
        let pause: NodeJS.Timeout | undefined;
        const finish = (read: string | undefined) => {
          clearTimeout(pause);
          // A pipe that stays open would keep the process.
          stdin.destroy();
          resolve(read);
        };
        const finishHere = () => finish(text.trim() === '' ? undefined : text);
        stdin.on('data', (chunk: string) => {
          text += chunk;
          clearTimeout(pause);
          const isLong = Buffer.byteLength(text) > maxBytes;
          if (!isEnough(text)) {
            if (isLong) finish(undefined);
          } else if (isLong) finishHere();
          else pause = setTimeout(finishHere, PAUSE_MS);
        });
        stdin.once('end', finishHere).once('close', finishHere).once('error', reject);
      });
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
