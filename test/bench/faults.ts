import type { UplinkSpec } from '../bed/uplink.ts';
import { CHANGING_LINKS } from './changing-links.ts';
import {
  afterFault,
  capacity,
  eachUplink,
  FAULT_AT_MS,
  JUDGED_MS,
  RECOVERY_MS,
  scenario,
} from './fault-script.ts';
import { inARow } from './faults-in-a-row.ts';
import { PASSING_FAULTS } from './passing-faults.ts';
import { networkById, type Scenario } from './scenarios.ts';

const OUTAGE_MS = 10_000;
/** The uplink of each network that is better to have: without it the rest has to carry everything. */
const BETTER: readonly (readonly [network: string, uplink: string])[] = [
  ['E1', 'a'],
  ['E2', 'wifi'],
  ['E3', 'wifi'],
  ['E4', 'fiber'],
  ['E5', 'good'],
  ['E6', 'lte'],
  ['E7', 'dsl'],
  ['E8', 'lte-a'],
  ['E10', 'fiber'],
  ['E11', 'dsl'],
  ['E12', 'wifi'],
  ['E13', 'near'],
];

/** Scenarios in which something happens. */
export const FAULTS: readonly Scenario[] = [
  ...['E1', 'E6', 'E8'].flatMap((id) => eachUplink(id, blackHole)),
  ...['E1', 'E6', 'E8'].flatMap((id) => eachUplink(id, interfaceGone)),
  ...BETTER.map(([id, uplink]) => collapse(id, uplink)),
  radioPauses('E8'),
  everythingGone('E1'),
  movingRadio(1),
  movingRadio(2),
  inARow('E1'),
  inARow('E6'),
  ...PASSING_FAULTS,
  ...CHANGING_LINKS,
];

function blackHole(network: Scenario, { name }: UplinkSpec): Scenario {
  return scenario('F1', network, name, `silent black hole of ${name}`, {
    steps: [{ atMs: FAULT_AT_MS, apply: (bed) => bed.uplink(name).blackhole() }],
    transfer: { ms: FAULT_AT_MS + RECOVERY_MS + JUDGED_MS },
    gapsFromMs: FAULT_AT_MS,
    judged: afterFault((direction) => capacity(network, direction, name)),
  });
}

function interfaceGone(network: Scenario, { name }: UplinkSpec): Scenario {
  const backAtMs = FAULT_AT_MS + RECOVERY_MS + JUDGED_MS;
  return scenario('F2', network, name, `interface ${name} down, then up`, {
    steps: [
      { atMs: FAULT_AT_MS, apply: (bed) => bed.uplink(name).down() },
      { atMs: backAtMs, apply: (bed) => bed.uplink(name).up() },
    ],
    transfer: { ms: backAtMs + 5_000 },
    gapsFromMs: FAULT_AT_MS,
    judged: afterFault((direction) => capacity(network, direction, name)),
  });
}

function collapse(id: string, name: string): Scenario {
  const network = networkById(id);
  const rateMbps = 1;
  return scenario('F3', network, name, `${name} collapses to ${rateMbps} Mbit/s and +400 ms`, {
    steps: [
      {
        atMs: FAULT_AT_MS,
        apply: (bed) => bed.uplink(name).collapse({ rateMbps, rttMs: bed.uplink(name).spec.rttMs + 400 }),
      },
    ],
    transfer: { ms: FAULT_AT_MS + RECOVERY_MS + JUDGED_MS },
    gapsFromMs: FAULT_AT_MS,
    judged: afterFault((direction) => capacity(network, direction, name) + rateMbps),
  });
}

function radioPauses(id: string): Scenario {
  const network = networkById(id);
  const gapMs: [number, number] = [2_000, 5_000];
  const lengthMs: [number, number] = [400, 800];
  const [gap, length] = [gapMs, lengthMs].map(([min, max]) => (min + max) / 2) as [number, number];
  const fromMs = 2_000;
  const toMs = 20_000;
  return scenario('F4', network, 'all', 'radio pauses of 400 to 800 ms every few seconds', {
    steps: [
      {
        atMs: 0,
        apply: async (bed) => {
          for (const uplink of bed.uplinks) await uplink.pauses(gapMs, lengthMs);
        },
      },
    ],
    transfer: { ms: toMs },
    gapsFromMs: 0,
    judged: [
      { fromMs, toMs, capacityMbps: (direction) => (capacity(network, direction) * gap) / (gap + length) },
    ],
  });
}

function everythingGone(id: string): Scenario {
  const network = networkById(id);
  const first = network.uplinks[0]!.name;
  return scenario('F5', network, 'all', 'all uplinks down for 10 s, then one returns with another address', {
    steps: [
      {
        atMs: FAULT_AT_MS,
        apply: async (bed) => {
          for (const uplink of bed.uplinks) await uplink.down();
        },
      },
      {
        atMs: FAULT_AT_MS + OUTAGE_MS,
        apply: async (bed) => {
          await bed.uplink(first).changeAddress();
          await bed.uplink(first).up();
        },
      },
    ],
    // In the twin network this takes about 5 s before the outage and 5 s after it.
    transfer: { bytes: 30_000_000 },
    gapsFromMs: FAULT_AT_MS,
  });
}

/** One uplink, or several at the same times, as when they share a mast: there is nowhere else to go meanwhile. */
function movingRadio(uplinks: number): Scenario {
  const names = ['radio-a', 'radio-b'].slice(0, uplinks);
  const network: Scenario = {
    id: uplinks === 1 ? 'one' : 'two',
    title: uplinks === 1 ? 'one radio' : 'two radios',
    uplinks: names.map((name) => ({ name, rateMbps: 50, rttMs: 30, queueMs: 100 })),
  };
  const gapMs = 600;
  const lengthMs = 200;
  const fromMs = 2_000;
  const toMs = fromMs + 9 * (gapMs + lengthMs);
  return scenario('F6', network, 'all', 'swallows everything for 200 ms of every 800', {
    steps: [
      {
        atMs: 0,
        apply: async (bed) => {
          await Promise.all(bed.uplinks.map((uplink) => uplink.holes([gapMs, gapMs], [lengthMs, lengthMs])));
        },
      },
    ],
    transfer: { ms: toMs },
    leavesUplinks: true,
    gapsFromMs: fromMs,
    judged: [
      {
        ...{ fromMs, toMs },
        capacityMbps: (direction) => (capacity(network, direction) * gapMs) / (gapMs + lengthMs),
      },
    ],
  });
}
