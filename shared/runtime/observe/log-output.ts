import { fileErrorWords } from '../text/error-words.ts';
import type { LogDestination } from './logger.ts';

/** What finally takes the log, such as standard output. */
export interface LogSink {
  /** Writes without holding up the caller. `done` comes when it is written, or with why it is not; perhaps never. */
  write(text: string, done: (error?: Error | null) => void): void;
}

export interface LogOutputOptions {
  readonly sink: LogSink;
  /** Told once, when lines are lost for the first time; why, in words. */
  onLost(reason: string): void;
  /** Lines are written again. `lines`: how many were lost before. */
  onRecovered(lines: number): void;
}

/** Characters that wait while the sink is slow: some thousand lines. */
const MAX_WAITING = 512 * 1024;
/** After a failure. A full disk fails at once, and asking it for every line would cost more than the lines. */
const RETRY_MS = 1_000;

/**
 * Takes log lines from the program and hands them to a sink, one write at a time. The program never waits for it: where the
 * sink fails or takes nothing, lines are dropped and counted, and it goes on as soon as the sink takes lines again.
 */
export class LogOutput implements LogDestination {
  readonly #options: LogOutputOptions;
  #waiting: string[] = [];
  #waitingLength = 0;
  #isWriting = false;
  #pause: NodeJS.Timeout | undefined;
  #droppedLines = 0;
  /** Of these, since the sink last worked. */
  #lostLines = 0;
  #hasTold = false;
  #onIdle: (() => void)[] = [];

  constructor(options: LogOutputOptions) {
    this.#options = options;
  }

  /** Lines that were lost since the program started. */
  get droppedLines(): number {
    return this.#droppedLines;
  }

  write(line: string): void {
    if (this.#waitingLength + line.length > MAX_WAITING) {
      this.#lose(1, 'nobody reads it');
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.length;
    this.#next();
  }

  /** Resolves to whether everything was written, after at most `limitMs` milliseconds. */
  flush(limitMs: number): Promise<boolean> {
    // Not only after the pause, when the program may have no time left.
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#next();
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), limitMs);
      const check = () => {
        if (this.#isWriting) return void this.#onIdle.push(check);
        clearTimeout(timer);
        resolve(this.#waitingLength === 0 && this.#lostLines === 0);
      };
      check();
    });
  }

  #next(): void {
    if (this.#isWriting || this.#pause !== undefined || this.#waitingLength === 0) return;
    const lines = this.#waiting;
    this.#waiting = [];
    this.#waitingLength = 0;
    this.#isWriting = true;
    this.#options.sink.write(lines.join(''), (error) => this.#onDone(lines.length, error));
  }

  #onDone(lines: number, error: Error | null | undefined): void {
    this.#isWriting = false;
    if (error) {
      this.#lose(lines, fileErrorWords(error));
      this.#pause = setTimeout(() => {
        this.#pause = undefined;
        this.#next();
      }, RETRY_MS);
      // A log that cannot be written keeps no program alive.
      this.#pause.unref();
    } else {
      const lost = this.#lostLines;
      this.#lostLines = 0;
      if (lost > 0) this.#options.onRecovered(lost);
      this.#next();
    }
    for (const tell of this.#onIdle.splice(0)) tell();
  }

  #lose(lines: number, reason: string): void {
    this.#droppedLines += lines;
    this.#lostLines += lines;
    if (this.#hasTold) return;
    this.#hasTold = true;
    this.#options.onLost(reason);
  }
}
