import { median, percentile } from '../../lab/statistics.ts';
import { atMost, type Check, exactly, shown } from '../check.ts';
import type { Scene } from '../scene.ts';
import { changes } from '../traffic.ts';
import type { UseCase } from '../use-case.ts';

/** Small pieces of a map, one after the other. */
const PIECES = { kind: 'echo', bytes: 2_000, everyMs: 100, count: 220 } as const;
const END_MS = PIECES.count * PIECES.everyMs;
const SLOW_AT_MS = 4_000;
const WAVERING_FROM_MS = 9_000;
const GOOD_AT_MS = 15_000;
const LOOK_MS = 500;

/** A map that is dragged about on a Wi-Fi whose delay is good, bad, wavering, and good again. */
export const map: UseCase = {
  name: 'map',
  title: 'small requests while the delay of Wi-Fi comes and goes',
  requirement:
    'a Wi-Fi above 250 ms is left within 2 s, a wavering one does not make the traffic go to and fro, a good one is taken again',
  bed: {
    uplinks: [
      { name: 'wifi', rateMbps: 20, rttMs: 30, queueMs: 100 },
      { name: 'lte', rateMbps: 12, rttMs: 80, queueMs: 200 },
    ],
    congestionControl: 'cubic',
  },
  client: {
    uplinks: [
      { name: 'wifi', interface: 'wifi' },
      { name: 'lte', interface: 'lte' },
    ],
    steering: { default: { mode: 'lowest-latency', maxRtt: '250ms' } },
  },
  isUp: ['wifi', 'lte'],
  drawn: ['down'],
  play,
};

async function play(scene: Scene): Promise<Check[]> {
  await scene.begin();
  scene.at(SLOW_AT_MS, 'Wi-Fi at 400 ms', (bed) => bed.uplink('wifi').set({ rttMs: 400 }));
  for (let atMs = WAVERING_FROM_MS, isLow = true; atMs < GOOD_AT_MS; atMs += 1_000, isLow = !isLow) {
    // Within the limit, and better and worse than LTE: for a moment it is worth a change, which `aggregate` makes each time.
    const rttMs = isLow ? 40 : 140;
    scene.at(atMs, atMs === WAVERING_FROM_MS ? 'between 40 and 140 ms' : undefined, (bed) =>
      bed.uplink('wifi').set({ rttMs }),
    );
  }
  scene.at(GOOD_AT_MS, 'at 30 ms', (bed) => bed.uplink('wifi').set({ rttMs: 30 }));
  const { timesMs = [], failures } = await scene.job(PIECES, END_MS);
  const times = (fromMs: number, toMs: number) =>
    timesMs.slice(Math.ceil(fromMs / PIECES.everyMs), Math.floor(toMs / PIECES.everyMs));
  const leaders = (fromMs: number, toMs: number) =>
    scene.traffic.leaders('down', LOOK_MS, fromMs, toMs, PIECES.bytes);
  return [
    exactly('pieces lost', failures ?? PIECES.count, 0),
    atMost('median at first', median(times(500, SLOW_AT_MS)), 45, 'ms'),
    atMost('median with Wi-Fi at 400 ms', median(times(SLOW_AT_MS + 2_000, WAVERING_FROM_MS)), 110, 'ms'),
    atMost('median while it wavers', median(times(WAVERING_FROM_MS, GOOD_AT_MS)), 125, 'ms'),
    atMost('median when it is good again', median(times(GOOD_AT_MS + 4_000, END_MS)), 45, 'ms'),
    atMost('changes of the uplink while it wavers', changes(leaders(WAVERING_FROM_MS, GOOD_AT_MS)), 2),
    atMost('changes in all', changes(leaders(500, END_MS)), 4),
    shown('p99 of all', percentile(timesMs, 0.99), 'ms'),
  ];
}
