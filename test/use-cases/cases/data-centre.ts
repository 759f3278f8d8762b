import { setTimeout as sleep } from 'node:timers/promises';
import type { Bed } from '../../bed/bed.ts';
import { BED_PLACE } from '../../lab/bed-place.ts';
import { atLeast, type Check, exactly, noneBroken, shown } from '../check.ts';
import type { Scene } from '../scene.ts';
import type { UseCase } from '../use-case.ts';

const PATHS = 8;
const PATH_MBPS = 10;
/** As within a building. */
const RTT_MS = 1;
/** By then other paths are to have been found. */
const WARM_UP_MS = 10_000;
const TRANSFER_MS = 13_000;
/** Of what the first ports have met. */
const FIRST_MS = [500, 900] as const;
const JOIN_LIMIT_MS = 5_000;
/** The server's one address, reached over all paths alike. */
const ADDRESS = '10.77.200.1';

/** One subflow, as a lone TCP connection: one path. */
export const onePath = dataCentre({ variant: 'one-subflow', subflows: 1 });
/** Several: the hash of their ports gives some of them the same path at first. */
export const manyPaths = dataCentre({ variant: 'eight-subflows', subflows: PATHS });

function dataCentre({ variant, subflows }: { variant: string; subflows: number }): UseCase {
  return {
    name: `data-centre/${variant}`,
    title: `${PATHS} equal-cost paths that the kernel picks by port, ${subflows} subflow${subflows > 1 ? 's' : ''}`,
    requirement:
      subflows === 1
        ? 'one subflow gets one path: what the others are held against'
        : 'subflows that share a path are dialled anew from other ports: all paths are filled, to 0.95 within ten seconds',
    bed: {
      uplinks: Array.from({ length: PATHS }, (_, i) => ({
        ...{ name: `path${i + 1}`, rateMbps: PATH_MBPS, rttMs: RTT_MS, queueMs: 50 },
      })),
      congestionControl: 'cubic',
    },
    // BBR would send bulk over one subflow only: a second on the same path would double its queue.
    client: {
      uplinks: [{ name: 'fabric', address: ADDRESS, subflowsPerPath: subflows, congestionControl: 'cubic' }],
    },
    isUp: ['fabric'],
    drawn: ['up'],
    prepare,
    play: (scene) => play(scene, subflows),
  };
}

/** Routes over all paths at once between the client's and the concentrator's one address, chosen by a hash of the ports too. */
async function prepare({ client, concentrator, uplinks }: Bed): Promise<void> {
  const hops = (end: 'client' | 'concentrator') =>
    uplinks.map((uplink) => `nexthop via ${uplink[end].v4} dev ${uplink.name}`).join(' ');
  for (const host of [client, concentrator]) await host.sysctl({ 'net.ipv4.fib_multipath_hash_policy': 1 });
  await client.ip(4, [
    `address add ${ADDRESS}/32 dev lo`,
    `route add ${concentrator.address.v4}/32 src ${ADDRESS} ${hops('concentrator')}`,
  ]);
  await concentrator.ip(4, [`route add ${ADDRESS}/32 src ${concentrator.address.v4} ${hops('client')}`]);
  for (const host of [client, concentrator]) await host.routesChanged();
}

async function play(scene: Scene, subflows: number): Promise<Check[]> {
  const ports = await joinedPorts(scene.bed, subflows);
  const paths = await pathsOf(scene.bed, ports);
  await scene.begin();
  const received = scene.received(TRANSFER_MS);
  await scene.job({ kind: 'bulk', direction: 'up', ms: TRANSFER_MS }, TRANSFER_MS);
  const upload = await received;
  const { traffic } = scene;
  const rate = (fromMs: number, toMs: number) =>
    traffic.links
      .map((link) => traffic.rateMbps(link, 'up', fromMs, toMs))
      .reduce((sum, one) => sum + one, 0);
  const wanted = Math.min(subflows, PATHS);
  return [
    noneBroken('uploads', upload),
    exactly('subflows', ports.length, subflows),
    shown(`paths of ${PATHS} that the hash gives to the first ports`, paths),
    shown(`rate over that of all ${PATHS}, at first`, rate(...FIRST_MS) / (PATHS * PATH_MBPS)),
    atLeast(
      `rate over that of ${wanted} path(s), from ${WARM_UP_MS / 1000} s on`,
      rate(WARM_UP_MS, TRANSFER_MS) / (wanted * PATH_MBPS),
      subflows === 1 ? 0.8 : 0.95,
    ),
  ];
}

/** The client's ports of all subflows, which join one after the other; of those there are when it takes too long. */
async function joinedPorts({ client }: Bed, subflows: number): Promise<string[]> {
  const { host, port } = BED_PLACE.concentrator;
  const deadline = performance.now() + JOIN_LIMIT_MS;
  for (;;) {
    const sockets = await client.exec('ss', ['-tnH', 'state', 'established', 'dst', `${host}:${port}`]);
    const ports = [...sockets.matchAll(new RegExp(`${ADDRESS}:(\\d+)`, 'g'))].map(([, one]) => one!);
    if (ports.length >= subflows || performance.now() > deadline) return ports;
    await sleep(100);
  }
}

/** On how many paths the client's kernel sends from these ports. */
async function pathsOf({ client, concentrator }: Bed, ports: readonly string[]): Promise<number> {
  const paths = new Set<string>();
  for (const local of ports) {
    const flow = [
      ...['from', ADDRESS, 'ipproto', 'tcp'],
      ...['sport', local, 'dport', String(BED_PLACE.concentrator.port)],
    ];
    const route = await client.exec('ip', ['route', 'get', concentrator.address.v4, ...flow]);
    paths.add(/ dev (\S+)/.exec(route)?.[1] ?? '');
  }
  return paths.size;
}
