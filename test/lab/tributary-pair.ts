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

/**
 * Starts both programs; resolves when each of these uplinks carries a subflow. Their metrics tell that, not their logs: the
 * names of metrics are the same in every version. Throws an Error with a program's output when it ends or is not ready in time.
 */
export async function startPair(
  where: { client: Namespace; concentrator: Namespace },
  pair: ConfiguredPair,
  uplinks: readonly { readonly name: string }[],
): Promise<StartedPair> {
  const { checkout, place } = pair;
  const concentrator = new Program(
    where.concentrator,
    checkout.program('server-concentrator'),
    pair.concentrator,
  );
  await concentrator.unlessItEnds(
    untilListening(concentrator.child, place.concentrator.port, 'the concentrator'),
  );
  const client = new Program(where.client, checkout.program('client-proxy'), pair.client);
  const names = uplinks.map(({ name }) => name);
  await client.unlessItEnds(untilUp(where.client, metricsUrl('client-proxy'), names, UP_TIMEOUT_MS));
  return {
    processes: [
      { role: 'client', pid: client.child.pid! },
      { role: 'concentrator', pid: concentrator.child.pid! },
    ],
    async stop() {
      await endProgram(client.child);
      await endProgram(concentrator.child);
    },
  };
}

/** A program, and the last part of its output. */
class Program {
  readonly child: ChildProcess;
  readonly #file: string;
  #output = '';

  constructor(where: Namespace, file: string, config: string) {
    this.#file = file;
    this.child = where.spawn(process.execPath, [file, '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (text: string) => {
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
