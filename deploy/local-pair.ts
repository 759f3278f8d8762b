/**
 * `npm start`: the pair on this machine with nothing to configure. Makes keys and configurations in a temporary folder with the
 * programs' own set-up commands, runs both, and removes everything at the end, also when it is killed. Two loopback source addresses stand for two
 * uplinks; loopback origins are allowed here, and only here.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort, isFree } from './free-port.ts';
import { Janitor } from './janitor.ts';
import { onceNpmEnds } from './npm-process.ts';
import type { PairOptions } from './pair-configuration.ts';
import { RunningPair } from './running-pair.ts';

const HELP = `Runs tributary-concentrator and tributary-client on this machine.

  npm start                     SOCKS5 on 127.0.0.1:1080
  npm start -- --port 1081      SOCKS5 on another port
  npm start -- --verbose        with debug logs
`;

/** Linux answers on all of 127.0.0.0/8; elsewhere both uplinks share the one loopback address. */
const UPLINK_ADDRESSES =
  process.platform === 'linux' ? ['127.0.0.2', '127.0.0.3'] : ['127.0.0.1', '127.0.0.1'];

const { values: args } = parseArgs({
  options: {
    port: { type: 'string', default: '1080' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
// Where nobody reads it any more, it goes on.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
if (args.help) process.stdout.write(HELP);
else process.exitCode = await main(Number(args.port));

/** @returns the exit code */
async function main(socksPort: number): Promise<number> {
  if (!Number.isInteger(socksPort) || socksPort < 1 || socksPort > 65_535)
    return fail('--port takes a number from 1 to 65535');
  if (!(await isFree(socksPort))) {
    return fail(
      `port ${socksPort} on 127.0.0.1 is taken; choose another one: npm start -- --port ${socksPort + 1}`,
    );
  }
  // Before the folder is there, so that it never stays.
  const folder = join(tmpdir(), `tributary-${randomBytes(6).toString('hex')}`);
  const janitor = new Janitor(folder);
  const pair = new RunningPair(announce, janitor);
  process.on('SIGINT', () => pair.stop());
  process.on('SIGTERM', () => pair.stop());
  onceNpmEnds(() => pair.cut());
  try {
    await mkdir(folder, { mode: 0o700 });
    const problem = await pair.run({
      folder,
      socksPort,
      metricsPorts: { client: await freePort(9101), concentrator: await freePort(9102) },
      uplinkAddresses: UPLINK_ADDRESSES,
      logLevel: args.verbose ? 'debug' : 'warn',
    });
    return problem === undefined ? 0 : fail(problem);
  } finally {
    await rm(folder, { recursive: true, force: true });
    janitor.release();
  }
}

function announce({ socksPort, metricsPorts: metrics, uplinkAddresses }: PairOptions): void {
  process.stdout.write(`
Tributary is up: SOCKS5 on 127.0.0.1:${socksPort}, two uplinks (${uplinkAddresses.join(' and ')}).

  curl --socks5-hostname 127.0.0.1:${socksPort} https://example.com/

Metrics: http://127.0.0.1:${metrics.client}/metrics (client), http://127.0.0.1:${metrics.concentrator}/metrics (concentrator).
Ctrl-C ends it; connections that are open then get ten seconds, or until a second Ctrl-C.
`);
}

function fail(message: string): number {
  process.stderr.write(`npm start: ${message}\n`);
  return 1;
}
