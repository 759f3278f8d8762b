import type { Direction } from '../bed/emulator.ts';
import {
  afterFault,
  capacity,
  eachUplink,
  FAULT_AT_MS,
  JUDGED_MS,
  RECOVERY_MS,
  rateOf,
  scenario,
} from './fault-script.ts';
import { networkById, type Scenario } from './scenarios.ts';

/** Shorter and longer than the waits between two attempts to reconnect. */
const HOLES_S: readonly number[] = [5, 7, 12, 30];
/** For the links that are back to be used again. */
const BACK_MS = 6_000;
/** From the end of a hole to a download that finds the uplink idle. */
const IDLE_AFTER_MS = 1_700;
/** So often an uplink swallows everything, and for so long. */
const FLAP_EVERY_MS = 3_000;
const FLAP_MS = 1_000;
const FLAPS = 4;

/** Faults that end by themselves, or that hit one direction only. */
export const PASSING_FAULTS: readonly Scenario[] = [
  ...[
    ['E1', 'a'],
    ['E6', 'lte'],
  ].flatMap(([id, uplink]) =>
    HOLES_S.flatMap((seconds) => [underLoad(id!, uplink!, seconds), whileIdle(id!, uplink!, seconds)]),
  ),
  ...['E1', 'E6'].flatMap((id) =>
    (['up', 'down'] as const).flatMap((direction) =>
      eachUplink(id, (network, { name }) => oneWay(network, name, direction)),
    ),
  ),
  flapping('E1', ['a']),
  flapping('E1', ['a', 'b']),
  flapping('E6', ['lte']),
  flapping('E6', ['lte', 'dsl']),
];

function underLoad(id: string, name: string, seconds: number): Scenario {
  const network = networkById(id);
  const backAtMs = FAULT_AT_MS + 1000 * seconds;
  return scenario(
    'G1',
    network,
    `${name}-${seconds}s`,
    `black hole of ${name} that ends after ${seconds} s`,
    {
      steps: [
        { atMs: FAULT_AT_MS, apply: (bed) => bed.uplink(name).blackhole() },
        { atMs: backAtMs, apply: (bed) => bed.uplink(name).restore() },
      ],
      transfer: { ms: backAtMs + BACK_MS },
      gapsFromMs: FAULT_AT_MS,
      judged: [
        {
          fromMs: FAULT_AT_MS + RECOVERY_MS,
          toMs: backAtMs,
          capacityMbps: (direction) => capacity(network, direction, name),
        },
      ],
      backAtMs,
    },
  );
}

function whileIdle(id: string, name: string, seconds: number): Scenario {
  const network = networkById(id);
  const backAtMs = 1000 * seconds;
  const what = `black hole of ${name} that ends after ${seconds} s without traffic`;
  return scenario('G1', network, `${name}-${seconds}s-idle`, what, {
    before: {
      steps: [
        { atMs: 0, apply: (bed) => bed.uplink(name).blackhole() },
        { atMs: backAtMs, apply: (bed) => bed.uplink(name).restore() },
      ],
      ms: backAtMs + IDLE_AFTER_MS,
    },
    steps: [],
    transfer: { ms: BACK_MS },
    gapsFromMs: 0,
    backAtMs: 0,
  });
}

function oneWay(network: Scenario, name: string, direction: Direction): Scenario {
  return scenario('G3', network, `${name}-${direction}`, `${name} swallows what goes ${direction}`, {
    steps: [{ atMs: FAULT_AT_MS, apply: (bed) => bed.uplink(name).blackhole(direction) }],
    transfer: { ms: FAULT_AT_MS + RECOVERY_MS + JUDGED_MS },
    gapsFromMs: FAULT_AT_MS,
    judged: afterFault((one) => capacity(network, one, name)),
  });
}

/** Several uplinks never swallow at the same time. */
function flapping(id: string, names: readonly string[]): Scenario {
  const network = networkById(id);
  const gapMs = FLAP_EVERY_MS - FLAP_MS;
  const toMs = gapMs + FLAPS * FLAP_EVERY_MS;
  const what = `${names.join(' and ')} ${names.length > 1 ? 'in turn swallow' : 'swallows'} everything for 1 s of every 3`;
  return scenario('G4', network, names.join('-'), what, {
    steps: names.map((name, index) => ({
      atMs: (index * FLAP_EVERY_MS) / names.length,
      apply: (bed) => bed.uplink(name).holes([gapMs, gapMs], [FLAP_MS, FLAP_MS]),
    })),
    transfer: { ms: toMs },
    gapsFromMs: gapMs,
    judged: [
      {
        ...{ fromMs: gapMs, toMs },
        capacityMbps: (direction) =>
          network.uplinks.reduce(
            (sum, uplink) => sum + rateOf(uplink, direction) * (names.includes(uplink.name) ? 2 / 3 : 1),
            0,
          ),
      },
    ],
  });
}
