import type { LogSink } from '../observe/log-output.ts';
import { type OutputStream, standardOutputSink } from '../observe/log-sinks.ts';
import { fileErrorWords } from '../text/error-words.ts';
import { scrubSecrets } from '../text/scrub.ts';

/**
 * Standard output and standard error of a program. Either may be a full disk, or a pipe whose reader has gone; without a listener
 * that ends a Node.js program with a stack.
 */
export class StandardStreams {
  readonly #program: string;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  #isLog = false;
  #hasFailed = false;
  #onFailed = () => {};

  /** @param program its name, for messages */
  constructor(program: string, stdout: OutputStream, stderr: OutputStream) {
    this.#program = program;
    this.#stdout = stdout;
    this.#stderr = stderr;
    stdout.on('error', (error) => this.#onError(error));
    // There is nowhere left to say it.
    stderr.on('error', () => {});
  }

  /** Whether a person reads along. */
  get isTty(): boolean {
    return this.#stdout.isTTY ?? false;
  }

  /** Prints a result of a command. */
  print(text: string): void {
    this.#stdout.write(text);
  }

  /** Prints to standard error; `text` ends its own line. */
  explain(text: string): void {
    this.#stderr.write(text);
  }

  /** As `explain`, under the name of the program; a line. */
  complain(message: string): void {
    this.explain(scrubSecrets(`${this.#program}: ${message}\n`));
  }

  /** Standard output is the log from now on. The log itself says when it cannot be written. */
  openLog(): LogSink {
    this.#isLog = true;
    return standardOutputSink(this.#stdout);
  }

  /** Calls back when a result could not be printed; now, or whenever that shows. */
  onceFailed(callback: () => void): void {
    this.#onFailed = callback;
    if (this.#hasFailed) callback();
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#isLog || this.#hasFailed) return;
    this.#hasFailed = true;
    this.complain(`cannot write to standard output: ${fileErrorWords(error)}`);
    this.#onFailed();
  }
}
