import type { UplinkSpec } from '../bed/uplink.ts';
import type { Burden } from './busy-core.ts';
import type { FaultScript } from './fault-script.ts';
import type { WorkloadName } from './workloads/workload.ts';

/** A network to measure in, and what happens to it. */
export interface Scenario {
  /** `E1`, or for a fault or a busy machine its family and more: `F1/E6/dsl`. */
  readonly id: string;
  readonly title: string;
  readonly uplinks: readonly UplinkSpec[];
  /** What happens during the one bulk transfer of a fault scenario. */
  readonly fault?: FaultScript;
  /** Other work for the machine. */
  readonly burden?: Burden;
  /** Workloads that make sense in it. Unless told: all of them without a fault, bulk transfers with one. */
  readonly workloads?: readonly WorkloadName[];
}

/**
 * Links by rate (Mbit/s), round-trip time, queue (both ms), random loss (%). After: SIGCOMM'20 MPTCP tutorial (E1), NSDI'12
 * (E2), BLEST (E3), mqvpn's published benchmark (E4), hybrid access (E6), MPQUIC CoNEXT'17 (E7), cellular routers (E8).
 */
export const NETWORKS: readonly Scenario[] = [
  network('E1', 'twin', [link('a', 20, 40, 100), link('b', 20, 40, 100)]),
  network('E2', '3G and Wi-Fi', [link('wifi', 8, 20, 80), link('umts', 2, 150, 2000)]),
  network('E3', 'lossy Wi-Fi', [link('wifi', 25, 50, 50, 1), link('lte', 5, 130, 6000)]),
  network('E4', 'fast, asymmetric', [link('fiber', 300, 10, 50), link('cable', 80, 30, 50)]),
  network('E5', 'worst case', [link('good', 50, 40, 100), link('bad', 2, 200, 500)]),
  network('E6', 'hybrid access', [
    withUpload(link('dsl', 16, 25, 100), 2),
    withUpload(link('lte', 40, 50, 200), 15),
  ]),
  network('E7', 'satellite', [link('dsl', 20, 30, 100), link('satellite', 25, 600, 300)]),
  network('E8', 'three cellular', [
    link('lte-a', 12, 60, 200, 0.5),
    link('lte-b', 9, 80, 300, 1),
    link('lte-c', 5, 110, 400, 2),
  ]),
  network('E9', 'one uplink', [link('only', 40, 30, 60)]),
  network('E10', 'fiber and a trickle', [link('fiber', 100, 10, 50), link('trickle', 1, 200, 500)]),
  network('E11', 'deep queue', [link('dsl', 50, 20, 100), link('lte', 8, 40, 1500)]),
  network('E12', 'a little loss', [link('wifi', 80, 12, 100, 0.2), link('lte', 30, 60, 200)]),
  network('E13', 'loss everywhere', [link('near', 40, 30, 100, 1), link('far', 40, 60, 100, 1)]),
];

/** Whether something happens to the network of this scenario. */
export function isFault(id: string): boolean {
  return /^[FG]/.test(id);
}

/** Ids in the order of their numbers, for `sort`. */
export function byId(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

/** A network by its id; throws when there is none. */
export function networkById(id: string): Scenario {
  const found = NETWORKS.find((one) => one.id === id);
  if (!found) throw new Error(`no network ${id}`);
  return found;
}

function network(id: string, title: string, uplinks: readonly UplinkSpec[]): Scenario {
  return { id, title, uplinks };
}

function link(name: string, rateMbps: number, rttMs: number, queueMs: number, lossPercent = 0): UplinkSpec {
  return { name, rateMbps, rttMs, queueMs, lossPercent };
}

function withUpload(spec: UplinkSpec, rateMbps: number): UplinkSpec {
  return { ...spec, up: { rateMbps } };
}
