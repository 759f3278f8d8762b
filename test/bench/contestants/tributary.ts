import type { ChildProcess } from 'node:child_process';
import type { Namespace } from '../../bed/namespace.ts';
import { startWatch } from '../agents.ts';
import { type ContestantKind, SOCKS } from './contestant.ts';
import { endProgram } from './programs.ts';
import { builtProgram, type PairPlace, type TributarySetup } from './tributary-setup.ts';

const METRICS = { client: 'http://127.0.0.1:9101/metrics', concentrator: 'http://127.0.0.1:9102/metrics' };
/** The concentrator's public address in every bed, and a network that covers all of a bed's. */
export const BED_PLACE: PairPlace = {
  concentrator: { host: '10.77.0.1', port: 8443 },
  socks: SOCKS,
  allow: ['10.77.0.0/16'],
};
/** TCP and TLS over a lossy link of 600 ms. */
const UP_TIMEOUT_MS = 30_000;
/** Of what a program says, for the message of a failure. */
const KEPT_OUTPUT_CHARACTERS = 4_000;

/** The built pair, with an uplink for each of the scenario's, bound by interface. */
export function tributary(setup: TributarySetup): ContestantKind {
  return {
    name: 'tributary',
    title: 'Tributary',
    missing: () => undefined,
    of: () => [
      {
        name: 'tributary',
        async start(bed) {
          const uplinks = bed.uplinks.map(({ name }) => ({ name, interface: name }));
          const files = await setup.withUplinks(uplinks);
          const concentrator = start(bed.concentrator, 'server-concentrator', files.concentrator);
          await concentrator.says(['"concentrator is up"']);
          const client = start(bed.client, 'client-proxy', files.client);
          await client.says(
            uplinks.map(({ name }) => `"uplink":"${name}"`),
            '"subflow up"',
          );
          return {
            route: { socks: SOCKS },
            processes: [
              { role: 'client', pid: client.child.pid! },
              { role: 'concentrator', pid: concentrator.child.pid! },
            ],
            async watch() {
              const stopClient = await startWatch(bed.client, METRICS.client);
              const stopConcentrator = await startWatch(bed.concentrator, METRICS.concentrator);
              return async () => ({ client: await stopClient(), concentrator: await stopConcentrator() });
            },
            async stop() {
              await endProgram(client.child);
              await endProgram(concentrator.child);
            },
          };
        },
      },
    ],
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
