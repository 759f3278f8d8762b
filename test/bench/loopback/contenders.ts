import { dirname, join } from 'node:path';
import type { Namespace } from '../../bed/namespace.ts';
import { endProgram, missingProgram, untilListening } from '../../lab/programs.ts';
import { startPair } from '../../lab/tributary-pair.ts';
import type { PairPlace } from '../../lab/tributary-setup.ts';
import type { Version } from '../comparison/checkouts.ts';
import { versionName } from '../comparison/versions.ts';
import type { LoadTarget } from './load.ts';

/** A pair of relays on one machine: what is compared on loopback. */
export interface Contender {
  readonly name: string;
  /** Other names under which `--contestants` asks for it. */
  readonly aliases: readonly string[];
  /** Whether it is a SOCKS5 proxy, which opens a connection to any origin. */
  readonly isSocks: boolean;
  /** Whether it takes HTTP CONNECT at the same port. */
  readonly isHttp?: true;
  missing(): string | undefined;
  start(where: Namespace): Promise<StartedContender>;
}

/** A running contender. */
export interface StartedContender {
  readonly target: LoadTarget;
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** The port of HTTP: a proxy may answer for it before the origin does. */
export const ORIGIN_PORT = 80;
const HOST = '127.0.0.1';
const PORTS = { socks: 1080, subflows: 8443, shadowsocks: 8388, near: 1090, far: 1091 };

/** The pair on loopback. */
export const LOOPBACK_PLACE: PairPlace = {
  concentrator: { host: HOST, port: PORTS.subflows },
  socks: { host: HOST, port: PORTS.socks },
  allow: ['127.0.0.0/8'],
};

/** The pair with `uplinkCount` uplinks, which are source addresses on loopback. */
export function tributaryContender({ folder, setup }: Version, uplinkCount: number): Contender {
  const uplinks = Array.from({ length: uplinkCount }, (_, i) => ({
    name: `lo-${i}`,
    address: `127.0.0.${2 + i}`,
  }));
  const from = folder === undefined ? {} : { folder };
  return {
    name: versionName({ kind: `tributary-${uplinkCount}`, ...from }),
    aliases: [versionName({ kind: 'tributary', ...from })],
    isSocks: true,
    isHttp: true,
    missing: () => undefined,
    async start(where) {
      const configured = await setup.withUplinks(uplinks);
      const pair = await startPair({ client: where, concentrator: where }, configured, uplinks);
      const pids = pair.processes.map(({ pid }) => pid);
      return { target: viaSocks(), pids, stop: pair.stop };
    },
  };
}

/** Two plain Node relays, `pipe()` over TLS. */
export const nodeRelays: Contender = {
  name: 'node-pipe',
  aliases: [],
  isSocks: false,
  missing: () => undefined,
  async start(where) {
    // Compiled beside this module.
    const file = join(dirname(import.meta.filename), 'relay.js');
    const relay = (side: string, port: number, next: number) =>
      where.spawn(process.execPath, [file, side, String(port), String(next)], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    const far = relay('far', PORTS.far, ORIGIN_PORT);
    const near = relay('near', PORTS.near, PORTS.far);
    await untilListening(far, PORTS.far, 'far relay');
    await untilListening(near, PORTS.near, 'near relay');
    return {
      target: { address: HOST, port: PORTS.near, proxyPort: 0 },
      pids: [far.pid!, near.pid!],
      async stop() {
        await endProgram(near);
        await endProgram(far);
      },
    };
  },
};

/** shadowsocks-libev, TCP over plain TCP and UDP over UDP. */
export const shadowsocks: Contender = {
  name: 'shadowsocks',
  aliases: [],
  isSocks: true,
  missing: () => missingProgram([{ name: 'ss-local', aptPackage: 'shadowsocks-libev' }]),
  async start(where) {
    const common = [
      '-s',
      HOST,
      '-p',
      String(PORTS.shadowsocks),
      '-k',
      'benchmark',
      '-m',
      'aes-256-gcm',
      '--no-delay',
      // Relays UDP, too.
      '-u',
    ];
    const server = where.spawn('ss-server', common, { stdio: 'ignore' });
    const local = where.spawn('ss-local', [...common, '-b', HOST, '-l', String(PORTS.socks)], {
      stdio: 'ignore',
    });
    await untilListening(server, PORTS.shadowsocks, 'ss-server');
    await untilListening(local, PORTS.socks, 'ss-local');
    return {
      target: viaSocks(),
      pids: [server.pid!, local.pid!],
      async stop() {
        await endProgram(local);
        await endProgram(server);
      },
    };
  },
};

function viaSocks(): LoadTarget {
  return { address: HOST, port: ORIGIN_PORT, proxyPort: PORTS.socks };
}
