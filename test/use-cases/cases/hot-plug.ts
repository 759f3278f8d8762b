import { atLeast, atMost, type Check, noneBroken } from '../check.ts';
import type { Scene } from '../scene.ts';
import type { UseCase } from '../use-case.ts';

const PLUGGED_AT_MS = 3_000;
const UNPLUGGED_AT_MS = 8_000;
const END_MS = 10_500;

/** A USB modem that is plugged in and pulled out during a download. */
export const hotPlug: UseCase = {
  name: 'hot-plug',
  title: 'a modem plugged in and pulled out in mid-download',
  requirement:
    'the new uplink carries data within 2 s; when it is removed, the download goes on without a byte lost or a silence above 400 ms',
  bed: {
    uplinks: [
      { name: 'dsl', rateMbps: 10, rttMs: 30, queueMs: 100 },
      { name: 'usb', rateMbps: 20, rttMs: 60, queueMs: 200 },
    ],
    congestionControl: 'cubic',
  },
  // Devices of the bed are virtual, which `auto` by itself leaves out.
  client: { uplinks: { auto: true, include: ['dsl', 'usb*'] } },
  isUp: ['dsl'],
  drawn: ['down'],
  prepare: (bed) => bed.uplink('usb').down(),
  play,
};

async function play(scene: Scene): Promise<Check[]> {
  await scene.begin();
  scene.at(PLUGGED_AT_MS, 'modem plugged in', (bed) => bed.uplink('usb').up());
  scene.at(UNPLUGGED_AT_MS, 'pulled out', (bed) => bed.uplink('usb').down());
  const { bulk } = await scene.job({ kind: 'bulk', direction: 'down', ms: END_MS }, END_MS);
  const { traffic } = scene;
  const silences = (bulk?.gaps ?? []).filter(([atMs]) => atMs > UNPLUGGED_AT_MS - 1_000);
  return [
    noneBroken('downloads', bulk),
    atMost('modem carries 1 Mbit/s after', firstCarriedMs(scene) - PLUGGED_AT_MS, 2_000, 'ms'),
    atLeast('rate with both', rate(scene, 'dsl') + rate(scene, 'usb'), 0.8 * 30, 'Mbit/s'),
    atMost('longest silence around the removal', Math.max(0, ...silences.map(([, ms]) => ms)), 400, 'ms'),
    atLeast('rate afterwards', traffic.rateMbps('dsl', 'down', UNPLUGGED_AT_MS + 1_000, END_MS), 8, 'Mbit/s'),
  ];
}

function rate({ traffic }: Scene, link: string): number {
  return traffic.rateMbps(link, 'down', PLUGGED_AT_MS + 2_500, UNPLUGGED_AT_MS);
}

/** When the modem first carried 1 Mbit/s for a tenth of a second; NaN when never. */
function firstCarriedMs({ traffic }: Scene): number {
  const stepMs = 100;
  const step = traffic.rates('usb', 'down', stepMs).findIndex((mbps) => mbps >= 1);
  return step < 0 ? Number.NaN : step * stepMs;
}
