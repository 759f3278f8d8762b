import type { ChildProcess } from 'node:child_process';
import type { Namespace } from '../bed/namespace.ts';
import { endProgram } from './programs.ts';
import { builtProgram, type PairFiles } from './tributary-setup.ts';

/** TCP and TLS over a lossy link of 600 ms. */
const UP_TIMEOUT_MS = 30_000;
/** Of what a program says, for the message of a failure. */
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

/** Starts both programs; resolves when each of these uplinks carries a subflow. */
export async function startPair(
  where: { client: Namespace; concentrator: Namespace },
  files: PairFiles,
  uplinks: readonly { readonly name: string }[],
): Promise<StartedPair> {
  const concentrator = start(where.concentrator, 'server-concentrator', files.concentrator);
  await concentrator.says(['"concentrator is up"']);
  const client = start(where.client, 'client-proxy', files.client);
  await client.says(
    uplinks.map(({ name }) => `"uplink":"${name}"`),
    '"subflow up"',
  );
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

interface Program {
  readonly child: ChildProcess;
  /** Resolves when there was a line with each of the words, and with `also`. */
  says(words: readonly string[], also?: string): Promise<void>;
}

function start(where: Namespace, name: 'client-proxy' | 'server-concentrator', config: string): Program {
  const child = where.spawn(process.execPath, [builtProgram(name), '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let kept = '';
  let rest = '';
  let missing: string[] = [];
  let wanted = '';
  let wake = () => {};
  const hear = (text: string) => {
    kept = (kept + text).slice(-KEPT_OUTPUT_CHARACTERS);
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.includes(wanted)) missing = missing.filter((word) => !line.includes(word));
    }
    wake();
  };
  child.stdout?.setEncoding('utf8').on('data', hear);
  child.stderr?.setEncoding('utf8').on('data', hear);
  return {
    child,
    says: (words, also = '') =>
      new Promise((resolve, reject) => {
        missing = [...words];
        wanted = also;
        const fail = (why: string) => {
          clearTimeout(timer);
          reject(new Error(`${name} ${why}; it said:\n${kept}`));
        };
        const timer = setTimeout(() => fail(`did not say ${missing.join(', ')}`), UP_TIMEOUT_MS);
        const onExit = () => fail('ended');
        child.once('exit', onExit);
        wake = () => {
          if (missing.length > 0) return;
          clearTimeout(timer);
          child.off('exit', onExit);
          resolve();
        };
      }),
  };
}
