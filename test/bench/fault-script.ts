import type { Bed } from '../bed/bed.ts';
import type { Direction } from '../bed/emulator.ts';
import type { UplinkSpec } from '../bed/uplink.ts';
import { networkById, type Scenario } from './scenarios.ts';

/** One change to the network, `atMs` after the transfer's first byte. */
export interface FaultStep {
  readonly atMs: number;
  apply(bed: Bed): Promise<void>;
}

/** A time whose rate is compared with what the network could carry then. */
export interface JudgedTime {
  /** What happens then, where there are several. */
  readonly name?: string;
  readonly fromMs: number;
  readonly toMs: number;
  capacityMbps(direction: Direction): number;
}

/** What happens during a bulk transfer, and how the transfer is judged. */
export interface FaultScript {
  /** What happens to the idle network before: the times of its steps count from its start, and the transfer begins after `ms`. */
  readonly before?: { readonly steps: readonly FaultStep[]; readonly ms: number };
  readonly steps: readonly FaultStep[];
  /** The transfer runs for a time after its first byte, or until all of it is there. */
  readonly transfer: { readonly ms: number } | { readonly bytes: number };
  /** Whether one uplink by itself can get through it. Plain TCP over one is then compared, too. */
  readonly leavesUplinks?: boolean;
  /** The longest gap is looked for from this time on; for a silent fault that is the time of the fault. */
  readonly gapsFromMs?: number;
  /** With several, the worst one is the figure. */
  readonly judged?: readonly JudgedTime[];
  /** When all links are as they were again: how long it takes from then on until most of their sum is used is a figure. */
  readonly backAtMs?: number;
}

/** Time from the first byte of a transfer to its fault: both ends have settled by then. */
export const FAULT_AT_MS = 4_000;
/** After this time the rate must be that of the links that are left. */
export const RECOVERY_MS = 1_000;
export const JUDGED_MS = 5_000;

/** A fault in a network; `what` tells it from others of its family there. */
export function scenario(
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

/** A scenario for each uplink of a network. */
export function eachUplink(
  id: string,
  make: (network: Scenario, uplink: UplinkSpec) => Scenario,
): readonly Scenario[] {
  const network = networkById(id);
  return network.uplinks.map((uplink) => make(network, uplink));
}

/** What is judged of a transfer whose fault stays. */
export function afterFault(capacityMbps: JudgedTime['capacityMbps']): readonly JudgedTime[] {
  const fromMs = FAULT_AT_MS + RECOVERY_MS;
  return [{ fromMs, toMs: fromMs + JUDGED_MS, capacityMbps }];
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
