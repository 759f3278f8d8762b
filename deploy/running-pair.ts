import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Janitor } from './janitor.ts';
import { configurePair, type PairOptions, programFile } from './pair-configuration.ts';

const READY_TIMEOUT_MS = 15_000;

/** Both programs as child processes. */
export class RunningPair {
  readonly #onReady: (options: PairOptions) => void;
  readonly #janitor: Pick<Janitor, 'watch' | 'forget'>;
  readonly #children: ChildProcess[] = [];
  #isStopping = false;

  /**
   * @param onReady the pair can be used
   * @param janitor ends both programs when this process is killed
   */
  constructor(onReady: (options: PairOptions) => void, janitor: Pick<Janitor, 'watch' | 'forget'>) {
    this.#onReady = onReady;
    this.#janitor = janitor;
  }

  /** Ends both in good order; called again, at once. */
  stop(): void {
    this.#isStopping = true;
    for (const child of this.#children) child.kill('SIGTERM');
  }

  /** Ends both at once. */
  cut(): void {
    this.#isStopping = true;
    for (const child of this.#children) child.kill('SIGKILL');
  }

  /** Resolves when both have ended: to undefined when they were stopped, otherwise to what went wrong. */
  async run(options: PairOptions): Promise<string | undefined> {
    try {
      const { concentrator, client } = await configurePair(options, this.#janitor);
      if (this.#isStopping) return undefined;
      this.#start('server-concentrator', concentrator);
      this.#start('client-proxy', client);
      return await this.#untilEnded(options);
    } catch (error) {
      // Ctrl-C ends the set-up commands, too.
      if (this.#isStopping) return undefined;
      throw error;
    }
  }

  /** In a process group of its own, so that Ctrl-C reaches it once, through us, and in order. */
  #start(program: string, configuration: string): void {
    const command = [programFile(program), '--config', configuration];
    const stdio = ['ignore', 'inherit', 'inherit'] as const;
    const child = spawn(process.execPath, command, { stdio: [...stdio], detached: true });
    this.#children.push(child);
    this.#janitor.watch(child.pid);
  }

  async #untilEnded(options: PairOptions): Promise<string | undefined> {
    const exits = this.#children.map((child) => once(child, 'exit'));
    const isUp = await this.#untilReady(options.metricsPorts.client);
    if (isUp) {
      this.#onReady(options);
      await Promise.race(exits);
    }
    const wasAsked = this.#isStopping;
    this.stop();
    await Promise.all(exits);
    if (wasAsked) return undefined;
    const problem = isUp ? 'one of the two programs has ended' : 'the pair did not come up';
    return `${problem}; see the lines above`;
  }

  /** Whether the client has an uplink within the time limit, and before one of the two ends. */
  async #untilReady(metricsPort: number): Promise<boolean> {
    const limit = AbortSignal.timeout(READY_TIMEOUT_MS);
    while (!limit.aborted && this.#children.every(isRunning)) {
      const response = await fetch(`http://127.0.0.1:${metricsPort}/readyz`).catch(() => undefined);
      if (response?.ok) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  }
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
