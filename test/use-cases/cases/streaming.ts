import { atMost, type Check, exactly, noneBroken, shown } from '../check.ts';
import type { Scene } from '../scene.ts';
import type { UseCase } from '../use-case.ts';

const VIDEO = { kind: 'live', rateMbps: 4, ms: 20_000, bufferMs: 3_000 } as const;
const FADE_AT_MS = 6_000;
const BACK_AT_MS = 12_000;
/** For the rate of a Wi-Fi that is back to be believed. */
const SETTLED_MS = 5_000;

/** A live video at home, where the Wi-Fi is weak for some seconds. */
export const streaming: UseCase = {
  name: 'streaming',
  title: '4 Mbit/s of video over a Wi-Fi that fades and recovers',
  requirement:
    "the player's buffer of 3 s never empties; LTE carries less than 5 % while Wi-Fi carries the rate",
  bed: {
    uplinks: [
      // The one that costs is the better one in everything.
      { name: 'wifi', rateMbps: 10, rttMs: 50, queueMs: 100 },
      { name: 'lte', rateMbps: 30, rttMs: 40, queueMs: 200 },
    ],
    congestionControl: 'cubic',
  },
  client: {
    uplinks: [
      { name: 'wifi', interface: 'wifi' },
      { name: 'lte', interface: 'lte' },
    ],
    steering: { default: { mode: 'priority', order: ['wifi', 'lte'] } },
  },
  isUp: ['wifi', 'lte'],
  drawn: ['down'],
  play,
};

async function play(scene: Scene): Promise<Check[]> {
  await scene.begin();
  const weaker = [
    { rateMbps: 4, lossPercent: 0.5, rttMs: 60 },
    { rateMbps: 2, lossPercent: 1, rttMs: 80 },
    { rateMbps: 0.5, lossPercent: 3, rttMs: 150 },
  ];
  for (const [index, change] of weaker.entries())
    scene.at(FADE_AT_MS + 700 * index, index === 0 ? 'Wi-Fi fades' : undefined, (bed) =>
      bed.uplink('wifi').set(change),
    );
  scene.at(BACK_AT_MS, 'Wi-Fi is back', (bed) => bed.uplink('wifi').restore());
  const { bulk, playback } = await scene.job(VIDEO, VIDEO.ms);
  const endMs = scene.nowMs;
  const { traffic } = scene;
  const lte = (fromMs: number, toMs: number) => traffic.share('lte', 'down', fromMs, toMs);
  return [
    noneBroken('streams', bulk),
    exactly('times the picture stood still', playback?.stalls ?? Number.NaN, 0),
    shown('least in the buffer of 3 s', playback?.leastBufferMs ?? Number.NaN, 'ms'),
    atMost('share of LTE before', lte(500, FADE_AT_MS), 0.05),
    shown('share of LTE while Wi-Fi is weak', lte(FADE_AT_MS + 1_400, BACK_AT_MS)),
    atMost('share of LTE afterwards', lte(BACK_AT_MS + SETTLED_MS, endMs), 0.05),
  ];
}
