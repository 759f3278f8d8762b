import type { SubflowFigures } from '../../protocol/session/snapshot.ts';

/** What the subflows of one uplink measure together, in the direction from this end. */
export interface UplinkFigures {
  /** Smoothed, queues included; of the best subflow. Undefined until it is measured, like the next three. */
  readonly rttMs: number | undefined;
  /** The smallest of late. */
  readonly minRttMs: number | undefined;
  /** How far round trips are apart, of the best subflow. */
  readonly jitterMs: number | undefined;
  /** The share of packets that were sent again of late, 0 to 1; undefined where the kernel does not tell. */
  readonly lossShare: number | undefined;
  /** What was delivered while they were kept busy. */
  readonly rateBytesPerSecond: number | undefined;
  /** Written and not receipted. */
  readonly inFlightBytes: number;
}

export function uplinkFigures(subflows: readonly SubflowFigures[]): UplinkFigures {
  const measured = subflows.filter(({ isMeasured }) => isMeasured);
  const rateBytesPerSecond = sum(subflows.map(({ bytesPerSecond }) => bytesPerSecond));
  return {
    rttMs: least(measured.map(({ smoothedRttMs }) => smoothedRttMs)),
    minRttMs: least(measured.map(({ minRttMs }) => minRttMs)),
    jitterMs: least(measured.map(({ jitterMs }) => jitterMs)),
    lossShare: mean(subflows.flatMap(({ lossShare }) => lossShare ?? [])),
    rateBytesPerSecond: rateBytesPerSecond > 0 ? rateBytesPerSecond : undefined,
    inFlightBytes: sum(subflows.map(({ inFlightBytes }) => inFlightBytes)),
  };
}

function least(values: readonly number[]): number | undefined {
  return values.length > 0 ? Math.min(...values) : undefined;
}

function mean(values: readonly number[]): number | undefined {
  return values.length > 0 ? sum(values) / values.length : undefined;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** How a subflow is used, a state each. */
export const SUBFLOW_USES = ['active', 'doubted', 'parked', 'retiring'] as const;
export type SubflowUse = (typeof SUBFLOW_USES)[number];

export function subflowUse({ state, duty, isParked }: SubflowFigures): SubflowUse {
  if (state === 'doubted') return 'doubted';
  if (duty === 'retiring') return 'retiring';
  return isParked ? 'parked' : 'active';
}
