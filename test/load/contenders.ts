import { type Contender, LOOPBACK_PLACE, ORIGIN_PORT, shadowsocks } from '../bench/loopback/contenders.ts';
import { endProgram, missingProgram, untilListening } from '../lab/programs.ts';
import { startPair } from '../lab/tributary-pair.ts';
import type { TributarySetup } from '../lab/tributary-setup.ts';

/** More than any load here opens, */
const MANY = 30_000;
/** and memory for them, in one session. */
const MEMORY = '256MiB';

/** The pair over two uplinks, which are source addresses on loopback, with all connections in one session. */
function tributary(setup: TributarySetup): Contender {
  const uplinks = [2, 3].map((host) => ({ name: `lo-${host}`, address: `127.0.0.${host}` }));
  return {
    name: 'tributary',
    aliases: [],
    isSocks: true,
    missing: () => undefined,
    async start(where) {
      const configured = await setup.configured(
        {
          uplinks,
          'socks.maxConnections': MANY,
          'memory.perSession': MEMORY,
          log: { level: 'warn', format: 'json' },
        },
        {
          'limits.streamsPerSession': MANY,
          'limits.opensPerSecond': MANY,
          'limits.memoryPerSession': MEMORY,
          'limits.memoryPerClient': MEMORY,
          'limits.memoryTotal': '1GiB',
          log: { level: 'warn', format: 'json' },
        },
      );
      const pair = await startPair({ client: where, concentrator: where }, configured, uplinks);
      return { target: TARGET, pids: pair.processes.map(({ pid }) => pid), stop: pair.stop };
    },
  };
}

/** One hop, a thread for each connection, no encryption. */
const microsocks: Contender = {
  name: 'microsocks',
  aliases: [],
  isSocks: true,
  missing: () => missingProgram([{ name: 'microsocks', aptPackage: 'microsocks' }]),
  async start(where) {
    const { host, port } = LOOPBACK_PLACE.socks;
    const server = where.spawn('microsocks', ['-i', host, '-p', String(port)], { stdio: 'ignore' });
    await untilListening(server, port, 'microsocks');
    return { target: TARGET, pids: [server.pid!], stop: () => endProgram(server) };
  },
};

const TARGET = {
  address: LOOPBACK_PLACE.socks.host,
  port: ORIGIN_PORT,
  proxyPort: LOOPBACK_PLACE.socks.port,
};

/** All that take part. */
export function contenders(setup: TributarySetup): readonly Contender[] {
  return [tributary(setup), shadowsocks, microsocks];
}

/** As `--contenders` names them. */
export const CONTENDER_NAMES: readonly string[] = ['tributary', 'shadowsocks', 'microsocks'];
