import { median, percentile } from '../../lab/statistics.ts';
import { atMost, type Check, exactly, shown } from '../check.ts';
import type { Scene } from '../scene.ts';
import type { UseCase } from '../use-case.ts';

/** As keystrokes or readings of a sensor. */
const ECHO = { kind: 'echo', bytes: 200, everyMs: 50 } as const;
const ALONE_COUNT = 40;
const COUNT = 300;
const PAUSE = { gapMs: [3_000, 8_000], lengthMs: [400, 800] } as const;
const UPLINKS = ['lte-a', 'lte-b', 'lte-c'];

/** Small messages that must not be late, over three uplinks each of which often is. */
export const redundant: UseCase = {
  name: 'redundant',
  title: 'a 200-byte echo over three lossy cellular uplinks that pause',
  requirement: "the p99 is at most the best uplink's median plus 20 ms",
  bed: {
    uplinks: [
      { name: 'lte-a', rateMbps: 12, rttMs: 60, queueMs: 200, lossPercent: 0.5 },
      { name: 'lte-b', rateMbps: 9, rttMs: 65, queueMs: 300, lossPercent: 1 },
      { name: 'lte-c', rateMbps: 5, rttMs: 70, queueMs: 400, lossPercent: 2 },
    ],
    congestionControl: 'cubic',
  },
  client: {
    uplinks: UPLINKS.map((name) => ({ name, interface: name })),
    steering: { default: 'redundant' },
  },
  isUp: UPLINKS,
  isAlone: true,
  drawn: ['down'],
  play,
};

async function play(scene: Scene): Promise<Check[]> {
  const { v4 } = scene.bed.uplink('lte-a').client;
  const alone = { ...ECHO, count: ALONE_COUNT };
  const best = await scene.job(alone, ALONE_COUNT * ECHO.everyMs, { localAddress: v4 });
  const bestMs = median(best.timesMs ?? []);
  await scene.begin();
  for (const { name } of scene.bed.uplinks)
    await scene.bed.uplink(name).pauses([...PAUSE.gapMs], [...PAUSE.lengthMs]);
  const echo = { ...ECHO, count: COUNT };
  const { timesMs = [], failures } = await scene.job(echo, COUNT * ECHO.everyMs);
  return [
    exactly('echoes lost', failures ?? COUNT, 0),
    shown("best uplink's median, plain TCP", bestMs, 'ms'),
    shown('median', median(timesMs), 'ms'),
    atMost('p99', percentile(timesMs, 0.99), bestMs + 20, 'ms'),
    shown('longest', Math.max(...timesMs), 'ms'),
  ];
}
