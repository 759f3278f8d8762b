import type { ChildProcess } from 'node:child_process';
import type { Logger } from 'pino';
import { Backoff } from '../../shared/runtime/async/backoff.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import { isNotRun, spawnBound } from './bound-child.ts';
import type { NetworkMonitor } from './network-watch.ts';
import { isNoProgram } from './run-command.ts';
import { IP_COMMANDS } from './run-ip.ts';

export interface IpMonitorOptions {
  /** Something about links, addresses, routes or rules has changed, or may have while nobody watched. */
  onEvent(): void;
  readonly logger: Logger;
  readonly clock: MonotonicClock;
  readonly random: () => number;
  /** In the order in which they are tried. */
  readonly commands?: readonly string[];
}

/** Started again this soon after it ended; a version that cannot watch ends at once, each time. */
const RESTART = { minMs: 500, maxMs: 30_000 };
/** One that lived this long was a good one. */
const GOOD_MS = 5_000;
/** So long after its start it watches, if it lives. What changed before it did is looked for then. */
const WATCHES_AFTER_MS = 500;

/**
 * `ip monitor` as a child process: what it prints says that something has changed, and is not read any further. Without
 * iproute2 it does nothing.
 */
export class IpMonitor implements NetworkMonitor {
  readonly #options: IpMonitorOptions;
  readonly #commands: string[];
  readonly #restart: Backoff;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #isWatching = false;

  constructor(options: IpMonitorOptions) {
    this.#options = options;
    this.#commands = [...(options.commands ?? IP_COMMANDS)];
    this.#restart = new Backoff(RESTART, options.random);
    this.#start();
  }

  get isWatching(): boolean {
    return this.#isWatching;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#child?.kill();
  }

  #start(): void {
    const [command] = this.#commands;
    if (command === undefined || this.#isStopped) return;
    const args = ['-oneline', 'monitor', 'link', 'address', 'route', 'rule'];
    const { clock } = this.#options;
    const startedMs = clock();
    const tell = () => {
      if (!this.#isStopped) this.#options.onEvent();
    };
    let watches: NodeJS.Timeout | undefined;
    const onNoProgram = (reason: string) => {
      this.#commands.shift();
      this.#onEnd(reason, 0);
    };
    const onError = (error: Error) => {
      clearTimeout(watches);
      if (isNoProgram(error)) onNoProgram(errorWords(error));
      else this.#onEnd(errorWords(error));
    };
    let child: ChildProcess;
    try {
      child = spawnBound(command, args);
    } catch (error) {
      // For some reasons, such as no memory, at once and not as an event.
      onError(error as Error);
      return;
    }
    this.#child = child;
    // There is none when no descriptor is left for it.
    child.stdout?.on('data', tell);
    watches = setTimeout(() => {
      this.#isWatching = true;
      tell();
    }, WATCHES_AFTER_MS);
    child.once('error', onError);
    child.once('exit', (code, signal) => {
      clearTimeout(watches);
      if (isNotRun(code)) return onNoProgram(`exit ${code}`);
      if (clock() - startedMs > GOOD_MS) this.#restart.succeed();
      this.#onEnd(`exit ${code ?? signal}`);
    });
  }

  #onEnd(reason: string, waitMs = this.#restart.nextMs()): void {
    this.#child = undefined;
    this.#isWatching = false;
    if (this.#isStopped) return;
    if (this.#commands.length === 0) {
      this.#options.logger.debug('no iproute2 here: changes of the network are noticed by looking');
      return;
    }
    this.#options.logger.debug({ reason, waitMs }, 'ip monitor has ended');
    this.#timer = setTimeout(() => this.#start(), waitMs);
  }
}
