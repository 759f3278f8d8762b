import type { UplinkSpec } from '../bed/uplink.ts';
import { type FaultStep, type JudgedTime, rateOf, scenario } from './fault-script.ts';
import type { Scenario } from './scenarios.ts';

/** Steps go on for longer than any workload takes. */
const STEPS_MS = 60_000;
/** Left out of what is judged: slow start. */
const SETTLE_MS = 2_000;

/** Networks whose links change all the time, as radio does. Each can be compared with one of its links by itself. */
export const CHANGING_LINKS: readonly Scenario[] = [leo(), busyCell()];

/** A low satellite: another one takes over every 15 s, with a pause and another delay. */
function leo(): Scenario {
  const everyMs = 15_000;
  const firstMs = 5_000;
  const toMs = firstMs + everyMs + 2_000;
  const pausesMs = [200, 80, 140];
  const spec: UplinkSpec = { name: 'leo', rateMbps: 100, rttMs: 40, queueMs: 100 };
  const steps = Array.from({ length: STEPS_MS / everyMs }, (_, index): FaultStep => {
    const rttMs = spec.rttMs + (index % 2 === 0 ? 20 : 0);
    return {
      atMs: firstMs + index * everyMs,
      async apply(bed) {
        await bed.uplink('leo').pause(pausesMs[index % pausesMs.length]!);
        await bed.uplink('leo').set({ rttMs });
      },
    };
  });
  const pausedMs = steps.reduce(
    (sum, { atMs }, index) => sum + (atMs < toMs ? pausesMs[index % pausesMs.length]! : 0),
    0,
  );
  return changing(
    'G7',
    'LEO',
    'delay steps of 20 ms and pauses of 80 to 200 ms every 15 s, beside LTE with jitter',
    [spec, { name: 'lte', rateMbps: 30, rttMs: 50, queueMs: 200, jitterMs: 15 }],
    steps,
    toMs,
    (spentMs) => spec.rateMbps * (1 - pausedMs / spentMs),
  );
}

/** A cell that others use, too. The queue is as long in time as before, at every rate. */
function busyCell(): Scenario {
  const everyMs = 2_000;
  const ratesMbps = [40, 8, 25, 3];
  const toMs = SETTLE_MS + 2 * everyMs * ratesMbps.length;
  const steps = Array.from(
    { length: STEPS_MS / everyMs },
    (_, index): FaultStep => ({
      atMs: (index + 1) * everyMs,
      apply: (bed) => bed.uplink('lte').set({ rateMbps: ratesMbps[(index + 1) % ratesMbps.length]! }),
    }),
  );
  return changing(
    'G8',
    'busy cell',
    'LTE of 40, 8, 25, 3 Mbit/s in steps of 2 s, beside DSL',
    [
      { name: 'lte', rateMbps: ratesMbps[0]!, rttMs: 50, queueMs: 300 },
      { name: 'dsl', rateMbps: 16, rttMs: 25, queueMs: 100 },
    ],
    steps,
    toMs,
    () => ratesMbps.reduce((sum, rate) => sum + rate, 0) / ratesMbps.length,
  );
}

/** `changingMbps` is what the first uplink carries on average in a time that is judged. */
function changing(
  id: string,
  name: string,
  title: string,
  uplinks: readonly UplinkSpec[],
  steps: readonly FaultStep[],
  toMs: number,
  changingMbps: (spentMs: number) => number,
): Scenario {
  const judged: JudgedTime = {
    ...{ fromMs: SETTLE_MS, toMs },
    capacityMbps: (direction) =>
      uplinks
        .slice(1)
        .reduce((sum, uplink) => sum + rateOf(uplink, direction), changingMbps(toMs - SETTLE_MS)),
  };
  const network: Scenario = { id: name.replace(' ', '-'), title: name, uplinks };
  return {
    ...scenario(id, network, 'all', title, {
      ...{ steps, transfer: { ms: toMs }, leavesUplinks: true, gapsFromMs: SETTLE_MS, judged: [judged] },
    }),
    workloads: ['bulk-down', 'bulk-up', 'beside-bulk'],
  };
}
