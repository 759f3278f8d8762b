import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { Checkout, type ProgramName } from '../../lab/checkout.ts';

/** Lines kept for `untilLine` and for the message of a failure; older ones are forgotten. */
const MAX_LINES = 5_000;
/** Of util-linux. */
const SETPRIV = '/usr/bin/setpriv';
/** After a signal: the programs' own farewells take half a second. */
const STOP_LIMIT_MS = 8_000;
/** What open connections are given before the second signal. */
const IMPATIENCE_MS = 500;

interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** In a process group of its own. */
  readonly detached?: boolean;
}

/** A program under test: a child process with its output by lines. */
export class Program {
  readonly child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  #exit: { code: number | null; signal: string | null } | undefined;
  readonly #exited: Promise<unknown>;

  constructor(command: string, args: readonly string[], options: ProgramOptions = {}) {
    // It goes when this process does, even if that is killed.
    this.child = spawn(SETPRIV, ['--pdeathsig', 'KILL', command, ...args], {
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const output of [this.child.stdout!, this.child.stderr!]) {
      let rest = '';
      output.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop()!;
        for (const line of lines) this.#add(line);
      });
      output.once('end', () => {
        if (rest !== '') this.#add(rest);
      });
    }
    this.#exited = once(this.child, 'close').then(([code, signal]) => {
      this.#exit = { code, signal };
      for (const wake of this.#waiting) wake();
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** All output up to now. */
  get output(): string {
    return this.#lines.join('\n');
  }

  /**
   * Resolves as soon as `count` lines, from line `from` on, contain `text`. Rejects when the program ends before, or
   * after `limitMs`.
   */
  async untilLine(text: string, { count = 1, from = 0, limitMs = 10_000 } = {}): Promise<void> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      if (this.#lines.slice(from).filter((line) => line.includes(text)).length >= count) return;
      if (this.#exit !== undefined) throw new Error(`ended before it said "${text}":\n${this.output}`);
      if (Date.now() >= deadline)
        throw new Error(`did not say "${text}" in ${limitMs} ms; it said:\n${this.output}`);
      await this.#nextOutput(deadline - Date.now());
    }
  }

  /** How many lines there are: what `untilLine` takes as `from` to look at later ones only. */
  get lineCount(): number {
    return this.#lines.length;
  }

  /** The exit code when it ends, or the name of the signal that ended it; kills it and rejects after `limitMs`. */
  async untilExit(limitMs = STOP_LIMIT_MS): Promise<number | string> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise((_, reject) => {
      timer = setTimeout(() => {
        this.child.kill('SIGKILL');
        reject(new Error(`did not end within ${limitMs} ms; it said:\n${this.output}`));
      }, limitMs);
    });
    await Promise.race([this.#exited, limit]);
    clearTimeout(timer);
    return this.#exit!.signal ?? this.#exit!.code!;
  }

  /** Ends it without any warning, as a power cut does. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.untilExit();
  }

  /** Ends it in order; cuts what is open then by a second signal, after a moment. Rejects unless it exits with 0. */
  async stop(): Promise<void> {
    if (this.#exit !== undefined) return;
    this.child.kill('SIGTERM');
    const impatience = setTimeout(() => this.child.kill('SIGTERM'), IMPATIENCE_MS);
    const code = await this.untilExit().finally(() => clearTimeout(impatience));
    // The second signal may find it on its way out, when nobody listens any more.
    const isOver = code === 'SIGTERM' && this.output.includes('"stopped"');
    if (code !== 0 && !isOver) throw new Error(`ended with ${code}:\n${this.output}`);
  }

  #add(line: string): void {
    if (this.#lines.length === MAX_LINES) this.#lines.shift();
    this.#lines.push(stripVTControlCharacters(line));
    for (const wake of this.#waiting) wake();
  }

  #nextOutput(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, limitMs);
      this.#waiting.add(done);
    });
  }
}

/** The top folder of the project. */
export const PROJECT_FOLDER = fileURLToPath(new URL('../../../', import.meta.url));

/** The main file of one of the two programs. */
export function programFile(name: ProgramName): string {
  return Checkout.own().program(name);
}
