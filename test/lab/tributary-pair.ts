import type { ChildProcess } from 'node:child_process';
import type { Namespace } from '../bed/namespace.ts';
import { endProgram, untilListening } from './programs.ts';
import { type ConfiguredPair, metricsUrl } from './tributary-setup.ts';
import { untilUp } from './until-up.ts';

/** Enough for TCP and TLS over a lossy link of 600 ms. */
const UP_TIMEOUT_MS = 30_000;
/** The end of a program's output is kept for the message of a failure. */
const KEPT_OUTPUT_CHARACTERS = 4_000;

/** One of the two programs at work. */
export interface PairProcess {
  readonly role: 'client' | 'concentrator';
  readonly pid: number;
}

/** Both programs at work. */
export interface StartedPair {
  readonly processes: readonly PairProcess[];
  stop(): Promise<void>;
}

/** How a program is started, besides its configuration. */
export interface Launch {
  /** Options of Node.js. */
  readonly nodeOptions?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Is given its output as it comes. */
  onOutput?(text: string): void;
}

/**
 * Starts both programs; resolves when each of these uplinks carries a subflow. Their metrics tell that, not their logs: the
 * names of metrics are the same in every version. Throws an Error with a program's output when it ends or is not ready in time.
 */
export async function startPair(
  where: { client: Namespace; concentrator: Namespace },
  pair: ConfiguredPair,
  uplinks: readonly { readonly name: string }[],
): Promise<StartedPair> {
  const concentrator = await startConcentrator(where.concentrator, pair);
  const client = await startClient(where.client, pair, uplinks);
  return {
    processes: [
      { role: 'client', pid: client.pid! },
      { role: 'concentrator', pid: concentrator.pid! },
    ],
    async stop() {
      await endProgram(client);
      await endProgram(concentrator);
    },
  };
}

/** Starts the concentrator; resolves when it listens. Throws an Error with its output when it does not. */
export async function startConcentrator(
  where: Namespace,
  { checkout, node, place, concentrator }: ConfiguredPair,
  launch: Launch = {},
): Promise<ChildProcess> {
  const program = new Program(where, [node, checkout.program('server-concentrator')], concentrator, launch);
  await program.unlessItEnds(untilListening(program.child, place.concentrator.port, 'the concentrator'));
  return program.child;
}

/** Starts the client; resolves when each of these uplinks carries a subflow. Throws an Error with its output when not. */
export async function startClient(
  where: Namespace,
  { checkout, node, client }: ConfiguredPair,
  uplinks: readonly { readonly name: string }[],
  launch: Launch = {},
): Promise<ChildProcess> {
  const program = new Program(where, [node, checkout.program('client-proxy')], client, launch);
  const names = uplinks.map(({ name }) => name);
  await program.unlessItEnds(untilUp(where, metricsUrl('client-proxy'), names, UP_TIMEOUT_MS));
  return program.child;
}

/** A program, and the last part of its output. */
class Program {
  readonly child: ChildProcess;
  readonly #file: string;
  #output = '';

  constructor(
    where: Namespace,
    [node, file]: readonly [node: string, file: string],
    config: string,
    launch: Launch,
  ) {
    this.#file = file;
    const { nodeOptions = [], env = {} } = launch;
    this.child = where.spawn(node, [...nodeOptions, file, '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const keep = (text: string) => {
      launch.onOutput?.(text);
      this.#output = (this.#output + text).slice(-KEPT_OUTPUT_CHARACTERS);
    };
    this.child.stdout?.setEncoding('utf8').on('data', keep);
    this.child.stderr?.setEncoding('utf8').on('data', keep);
  }

  /** Waits for something that needs this program. Rejects with the program's output. */
  async unlessItEnds(ready: Promise<void>): Promise<void> {
    const ended = new Promise<never>((_resolve, reject) => {
      this.child.once('close', (code, signal) => reject(new Error(`it ended with ${signal ?? code}`)));
    });
    // It also ends when it is stopped, and nobody waits for it then.
    ended.catch(() => {});
    try {
      await Promise.race([ready, ended]);
    } catch (error) {
      throw new Error(`${this.#file}: ${(error as Error).message}; its output:\n${this.#output}`);
    }
  }
}
