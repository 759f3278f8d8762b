import { atLeast, atMost, type Check, exactly, shown } from '../check.ts';
import type { Scene } from '../scene.ts';
import type { UseCase } from '../use-case.ts';

/** A spoken question: 2 Mbit/s for six seconds, as a video call's upload, and an answer of 50 kB. */
const QUESTION = { kind: 'ask', bytes: 1_500_000, rateMbps: 2, answerBytes: 50_000 } as const;
const QUESTION_MS = 6_000;
const FADE_AT_MS = 2_000;
const GONE_AT_MS = 3_500;
/** When the operating system notices. */
const DOWN_AT_MS = 5_000;
const END_MS = 8_000;

/** The other uplink has joined before it is needed. */
export const makeBeforeBreak = siri({
  variant: 'make-before-break',
  title: 'walking out of Wi-Fi while speaking, LTE joined beforehand',
  client: {
    uplinks: [
      { name: 'wifi', interface: 'wifi' },
      { name: 'lte', interface: 'lte', backup: true },
    ],
  },
  isUp: ['wifi', 'lte'],
  mostSilenceMs: 1_000,
  // Pings, and in the first tenths of a second, if they fall in here, probes of how long a packet may be: 14 kB each way.
  mostLteBytes: 40_000,
});

/** The other uplink is dialled when there is no other: it costs nothing meanwhile. */
export const breakBeforeMake = siri({
  variant: 'break-before-make',
  title: 'walking out of Wi-Fi while speaking, LTE dialled when Wi-Fi is gone',
  client: {
    uplinks: [
      { name: 'wifi', interface: 'wifi' },
      { name: 'lte', interface: 'lte', backup: true, standby: 'break-before-make' },
    ],
  },
  isUp: ['wifi'],
  mostSilenceMs: 3_000,
  mostLteBytes: 0,
});

function siri({
  variant,
  title,
  client,
  isUp,
  mostSilenceMs,
  mostLteBytes,
}: Pick<UseCase, 'title' | 'client' | 'isUp'> & {
  readonly variant: string;
  readonly mostSilenceMs: number;
  /** In both directions, before Wi-Fi fades. */
  readonly mostLteBytes: number;
}): UseCase {
  return {
    name: `siri/${variant}`,
    title,
    requirement: `the upload arrives byte-exact without a silence above ${mostSilenceMs} ms, the answer over LTE; LTE carries nothing while Wi-Fi is good`,
    bed: {
      uplinks: [
        // LTE is the better one in everything: only its role keeps the upload off it.
        { name: 'wifi', rateMbps: 20, rttMs: 40, queueMs: 100 },
        { name: 'lte', rateMbps: 30, rttMs: 30, queueMs: 200 },
      ],
      congestionControl: 'cubic',
    },
    client,
    isUp,
    drawn: ['up'],
    play: (scene) => play(scene, mostSilenceMs, mostLteBytes),
  };
}

async function play(scene: Scene, mostSilenceMs: number, mostLteBytes: number): Promise<Check[]> {
  await scene.begin();
  const received = scene.received(QUESTION_MS);
  const asked = scene.job(QUESTION, END_MS);
  const fade = [
    { rateMbps: 5, lossPercent: 1, rttMs: 60 },
    { rateMbps: 2, lossPercent: 3, rttMs: 80 },
    { rateMbps: 0.5, lossPercent: 10, rttMs: 150 },
  ];
  for (const [index, change] of fade.entries())
    scene.at(FADE_AT_MS + 500 * index, index === 0 ? 'Wi-Fi fades' : undefined, (bed) =>
      bed.uplink('wifi').set(change),
    );
  scene.at(GONE_AT_MS, 'Wi-Fi is out of reach', (bed) => bed.uplink('wifi').blackhole());
  scene.at(DOWN_AT_MS, 'interface down', (bed) => bed.uplink('wifi').down());
  const { timesMs = [], bulk } = await asked;
  const question = await received;
  const answeredAtMs = scene.nowMs;
  const { traffic } = scene;
  const lteBytes = traffic.bytes('lte', 'up', 0, FADE_AT_MS) + traffic.bytes('lte', 'down', 0, FADE_AT_MS);
  const silences = question.gaps.map(([, lengthMs]) => lengthMs);
  return [
    exactly('bytes of the question, exact', question.isExact ? question.bytes : -1, QUESTION.bytes),
    exactly('bytes of the answer, exact', bulk?.isExact ? bulk.bytes : -1, QUESTION.answerBytes),
    atMost('longest silence at the server', Math.max(0, ...silences), mostSilenceMs, 'ms'),
    atMost('answer after the last word', timesMs[0] ?? Number.NaN, 800, 'ms'),
    atMost('bytes over LTE while Wi-Fi is good', lteBytes, mostLteBytes),
    atLeast('share of LTE after Wi-Fi', traffic.share('lte', 'up', DOWN_AT_MS, answeredAtMs), 0.99),
    shown('bytes over Wi-Fi after it went', traffic.bytes('wifi', 'up', GONE_AT_MS + 100, answeredAtMs)),
  ];
}
