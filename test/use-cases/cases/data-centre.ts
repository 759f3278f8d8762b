import type { Bed } from '../../bed/bed.ts';
import { atLeast, type Check, exactly, shown } from '../check.ts';
import type { Scene } from '../scene.ts';
import type { UseCase } from '../use-case.ts';

const PATHS = 8;
const PATH_MBPS = 10;
const TRANSFER_MS = 8_000;
const WARM_UP_MS = 3_000;
/** A path that carried less than this carried no bulk. */
const USED_MBPS = 1;
/** The server's one address, reached over all paths alike. */
const ADDRESS = '10.77.200.1';

/** One subflow, as a lone TCP connection: one path. */
export const onePath = dataCentre({ variant: 'one-subflow', subflows: 1 });
/** Several, each with the path that the hash of its ports gives it. */
export const manyPaths = dataCentre({ variant: 'eight-subflows', subflows: PATHS });

function dataCentre({ variant, subflows }: { variant: string; subflows: number }): UseCase {
  return {
    name: `data-centre/${variant}`,
    title: `${PATHS} equal-cost paths that the kernel picks by port, ${subflows} subflow${subflows > 1 ? 's' : ''}`,
    requirement:
      subflows === 1
        ? 'one subflow gets one path: what the others are held against'
        : 'the paths that the hash gives are filled to 0.8',
    bed: {
      uplinks: Array.from({ length: PATHS }, (_, i) => ({
        ...{ name: `path${i + 1}`, rateMbps: PATH_MBPS, rttMs: 10, queueMs: 50 },
      })),
      congestionControl: 'cubic',
    },
    client: { uplinks: [{ name: 'fabric', address: ADDRESS, subflowsPerPath: subflows }] },
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
  await scene.begin();
  const received = scene.received(TRANSFER_MS);
  await scene.job({ kind: 'bulk', direction: 'up', ms: TRANSFER_MS }, TRANSFER_MS);
  const { isExact, error } = await received;
  const { traffic } = scene;
  const rates = traffic.links.map((link) => traffic.rateMbps(link, 'up', WARM_UP_MS, TRANSFER_MS));
  const sum = rates.reduce((total, rate) => total + rate, 0);
  const used = rates.filter((rate) => rate >= USED_MBPS).length;
  const expected = PATHS * (1 - (1 - 1 / PATHS) ** subflows);
  return [
    exactly('uploads reset or with a wrong byte', isExact && error === undefined ? 0 : 1, 0),
    shown(`paths of ${PATHS} that ${subflows} random ports hit on average`, expected),
    subflows === 1 ? exactly('paths used', used, 1) : shown('paths used', used),
    atLeast('rate over that of the paths used', sum / (used * PATH_MBPS), 0.8),
    shown(`rate over that of all ${PATHS}`, sum / (PATHS * PATH_MBPS)),
  ];
}
