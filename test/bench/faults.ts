import type { Bed } from '../bed/bed.ts';
import type { Direction } from '../bed/emulator.ts';
import type { UplinkSpec } from '../bed/uplink.ts';
import { networkById, type Scenario } from './scenarios.ts';

/** One change to the network, `atMs` after the transfer's first byte. */
export interface FaultStep {
  readonly atMs: number;
  apply(bed: Bed): Promise<void>;
}

/** What happens during a bulk transfer, and how the transfer is judged. */
export interface FaultScript {
  readonly steps: readonly FaultStep[];
  /** The transfer runs for a time after its first byte, or until all of it is there. */
  readonly transfer: { readonly ms: number } | { readonly bytes: number };
  /** Whether one uplink by itself can get through it. Plain TCP over one is then compared, too. */
  readonly leavesUplinks?: boolean;
  /** The longest gap is looked for from this time on; for a silent fault that is the time of the fault. */
  readonly gapsFromMs?: number;
  /** The time whose rate is compared with what the network could carry then. */
  readonly judged?: {
    readonly fromMs: number;
    readonly toMs: number;
    capacityMbps(direction: Direction): number;
  };
}

/** Time from the first byte of a transfer to its fault: both ends have settled by then. */
const FAULT_AT_MS = 4_000;
/** After this time the rate must be that of the links that are left. */
const RECOVERY_MS = 1_000;
const JUDGED_MS = 5_000;
const OUTAGE_MS = 10_000;

/** Scenarios in which something happens. */
export const FAULTS: readonly Scenario[] = [
  ...['E1', 'E6', 'E8'].flatMap((id) => eachUplink(id, blackHole)),
  ...['E1', 'E6', 'E8'].flatMap((id) => eachUplink(id, interfaceGone)),
  collapse('E1', 'a'),
  collapse('E6', 'lte'),
  radioPauses('E8'),
  everythingGone('E1'),
  movingRadio(1),
  movingRadio(2),
];

function eachUplink(id: string, make: (network: Scenario, uplink: UplinkSpec) => Scenario): Scenario[] {
  const network = networkById(id);
  return network.uplinks.map((uplink) => make(network, uplink));
}

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
    judged: {
      fromMs,
      toMs,
      capacityMbps: (direction) => (capacity(network, direction) * gap) / (gap + length),
    },
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
    judged: {
      fromMs,
      toMs,
      capacityMbps: (direction) => (capacity(network, direction) * gapMs) / (gapMs + lengthMs),
    },
  });
}

function scenario(
  family: string,
  network: Scenario,
  what: string,
  title: string,
  fault: FaultScript,
): Scenario {
  return {
    id: `${family}/${network.id}/${what}`,
    title: `${network.title}: ${title}`,
    uplinks: network.uplinks,
    fault,
  };
}

function afterFault(capacityMbps: (direction: Direction) => number): FaultScript['judged'] & object {
  const fromMs = FAULT_AT_MS + RECOVERY_MS;
  return { fromMs, toMs: fromMs + JUDGED_MS, capacityMbps };
}

/** Sum of the rates of all uplinks, or of all but one. */
export function capacity(network: Scenario, direction: Direction, without?: string): number {
  return network.uplinks
    .filter(({ name }) => name !== without)
    .reduce((sum, uplink) => sum + rateOf(uplink, direction), 0);
}

/** Rate of an uplink in one direction, in Mbit/s of IP packets. */
export function rateOf(uplink: UplinkSpec, direction: Direction): number {
  return uplink[direction]?.rateMbps ?? uplink.rateMbps;
}
