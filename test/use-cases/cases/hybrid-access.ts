import { atLeast, atMost, type Check, noneBroken, shown } from '../check.ts';
import type { Scene } from '../scene.ts';
import type { UseCase } from '../use-case.ts';

const DSL_MBPS = 16;
const LTE_MBPS = 40;
/** What DSL carries by itself. */
const LIGHT = { kind: 'live', rateMbps: 10, ms: 5_000, bufferMs: 500 } as const;
const LIGHT_BYTES = (LIGHT.rateMbps * LIGHT.ms * 1_000) / 8;
/** What is judged of the time under load. */
const JUDGED_MS = 4_500;

const STEERING = { default: { mode: 'priority', order: ['dsl', 'lte'] } };

/** LTE is there all the time. */
export const firstThenSecond = hybridAccess({
  variant: 'priority',
  title: 'DSL first, LTE for what does not fit',
  client: {
    uplinks: [
      { name: 'dsl', interface: 'dsl' },
      { name: 'lte', interface: 'lte' },
    ],
    steering: STEERING,
  },
  isUp: ['dsl', 'lte'],
  warmUpMs: 2_500,
  mostLteBytes: 0.05 * LIGHT_BYTES,
});

/** LTE is dialled when DSL is full: until then it carries nothing at all. */
export const joinOnDemand = hybridAccess({
  variant: 'join-on-demand',
  title: 'DSL first, LTE dialled for what does not fit',
  client: {
    uplinks: [
      { name: 'dsl', interface: 'dsl' },
      { name: 'lte', interface: 'lte', joinAboveUtilization: '85%' },
    ],
    steering: STEERING,
  },
  isUp: ['dsl'],
  // DSL must have been full for two seconds.
  warmUpMs: 5_500,
  mostLteBytes: 0,
});

/** A home with DSL, which costs nothing by the byte, and LTE, which does. */
function hybridAccess({
  variant,
  title,
  client,
  isUp,
  warmUpMs,
  mostLteBytes,
}: Pick<UseCase, 'title' | 'client' | 'isUp'> & {
  readonly variant: string;
  /** For both to come to speed. */
  readonly warmUpMs: number;
  /** Of what fits into DSL, in both directions. */
  readonly mostLteBytes: number;
}): UseCase {
  return {
    name: `hybrid-access/${variant}`,
    title,
    requirement:
      'LTE carries at most 5 % of what fits into DSL, or nothing where it is dialled on demand; under load the sum of both is reached',
    bed: {
      uplinks: [
        { name: 'dsl', rateMbps: DSL_MBPS, rttMs: 25, queueMs: 100, up: { rateMbps: 2 } },
        { name: 'lte', rateMbps: LTE_MBPS, rttMs: 50, queueMs: 200, up: { rateMbps: 15 } },
      ],
      congestionControl: 'cubic',
    },
    client,
    isUp,
    drawn: ['down'],
    play: (scene) => play(scene, warmUpMs, mostLteBytes),
  };
}

async function play(scene: Scene, warmUpMs: number, mostLteBytes: number): Promise<Check[]> {
  await scene.begin();
  scene.at(0, `${LIGHT.rateMbps} Mbit/s wanted`, async () => {});
  const light = await scene.job(LIGHT, LIGHT.ms);
  const lightEndMs = scene.nowMs;
  scene.at(scene.nowMs, 'all that can be had', async () => {});
  const fullFromMs = scene.nowMs + warmUpMs;
  const fullMs = warmUpMs + JUDGED_MS;
  const full = await scene.job({ kind: 'bulk', direction: 'down', ms: fullMs }, fullMs);
  const endMs = fullFromMs + JUDGED_MS;
  const { traffic } = scene;
  const lteBytes = traffic.bytes('lte', 'up', 0, lightEndMs) + traffic.bytes('lte', 'down', 0, lightEndMs);
  const dslMbps = traffic.rateMbps('dsl', 'down', fullFromMs, endMs);
  const lteMbps = traffic.rateMbps('lte', 'down', fullFromMs, endMs);
  return [
    noneBroken('transfers', light.bulk, full.bulk),
    shown('share of LTE of what fits into DSL', traffic.share('lte', 'down', 0, lightEndMs)),
    atMost('bytes over LTE of what fits into DSL', lteBytes, mostLteBytes),
    atLeast('DSL under load, over its rate', dslMbps / DSL_MBPS, 0.9),
    atLeast('both under load, over the sum', (dslMbps + lteMbps) / (DSL_MBPS + LTE_MBPS), 0.9),
  ];
}
