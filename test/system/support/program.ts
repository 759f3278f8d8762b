import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Namespace } from '../../bed/namespace.ts';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import { Checkout, type ProgramName } from '../../lab/checkout.ts';
import { waitedForCpuMs } from '../../lab/cpu-wait.ts';

/** The folder of the project. */
export const ROOT = Checkout.own().folder;

/** A line of a program's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** What tests look at of /status; sessions only at the concentrator. */
export interface ProgramStatus {
  readonly uplinks?: readonly { readonly name: string; readonly state: string }[];
  readonly sessions?: readonly ProgramStatus[];
}

/** Older lines are forgotten. */
const MAX_LOG_LINES = 5_000;
const LOG_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;

/** One of the built programs, running in a namespace with JSON logs. */
export class Program {
  readonly #namespace: Namespace;
  readonly #child: ChildProcess;
  readonly #metricsPort: number;
  readonly #lines: LogLine[] = [];
  readonly #listeners = new Set<() => void>();
  #isOver = false;
  /** Resolves to the exit code; null after a signal that it did not handle. */
  readonly exited: Promise<number | null>;

  /** `folder` is that of the checkout whose program runs. */
  constructor(
    namespace: Namespace,
    name: ProgramName,
    configFile: string,
    metricsPort: number,
    folder: string = ROOT,
  ) {
    this.#namespace = namespace;
    this.#metricsPort = metricsPort;
    this.#child = namespace.spawn(process.execPath, [programFile(name, folder), '--config', configFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: dirname(configFile),
    });
    // Not `exit`, behind which the last lines of the log may still come.
    this.exited = once(this.#child, 'close').then(([code]) => {
      this.#isOver = true;
      for (const listener of [...this.#listeners]) listener();
      return code;
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      eachWholeLine(stream, (line) => this.#onLine(line));
    }
  }

  /** The log up to now. */
  get log(): readonly LogLine[] {
    return this.#lines;
  }

  /**
   * The first line that `matches`, from `since` (an earlier length of the log) on. Throws with the log's end when none comes in
   * time, or before the program's end.
   */
  async untilLog(
    matches: (line: LogLine) => boolean,
    { since = 0, timeoutMs = LOG_TIMEOUT_MS } = {},
  ): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.#lines.slice(since).find(matches);
        if (found !== undefined) finish(() => resolve(found));
        else if (this.#isOver) fail();
      };
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        settle();
      };
      const fail = () => {
        const tail = this.#lines.slice(-20).map((line) => JSON.stringify(line));
        finish(() => reject(new Error(`no such line in the log, which ends:\n${tail.join('\n')}`)));
      };
      const timer = setTimeout(fail, timeoutMs);
      this.#listeners.add(look);
      look();
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it: politely and at once, by two SIGTERMs, and by force when that takes too long. */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.signal('SIGTERM');
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_TIMEOUT_MS);
    await this.exited;
    clearTimeout(timer);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Resident memory, bytes. */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** How long it was ready to run and had to wait for a processor since its start, milliseconds. */
  waitedForCpuMs(): Promise<number> {
    return waitedForCpuMs(this.#child.pid!);
  }

  /** What it tells at /status. */
  async status(): Promise<ProgramStatus> {
    return JSON.parse(await this.#fetch('/status'));
  }

  /** The sum of a metric's values whose labels are these. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await this.#fetch('/metrics');
    const samples = text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    return samples
      .filter((line) => wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  #fetch(path: string): Promise<string> {
    const address = `http://127.0.0.1:${this.#metricsPort}${path}`;
    return this.#namespace.exec('curl', ['-sS', '--fail', '--max-time', '5', address]);
  }

  #onLine(text: string): void {
    this.#lines.push(text.startsWith('{') ? JSON.parse(text) : { msg: text });
    if (this.#lines.length > MAX_LOG_LINES) this.#lines.shift();
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Runs a command of a program in a namespace; answers what it prints. Throws with its stderr when it fails. */
export function command(
  namespace: Namespace,
  name: ProgramName,
  args: readonly string[],
  folder: string = ROOT,
): Promise<string> {
  return namespace.exec(process.execPath, [programFile(name, folder), ...args]);
}

/** The file to run. */
export function programFile(name: ProgramName, folder: string = ROOT): string {
  return folder === ROOT ? Checkout.own().program(name) : join(folder, 'dist', name, 'main.js');
}
