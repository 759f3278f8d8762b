import type { SubflowSnapshot } from '../../protocol/session/snapshot.ts';

/** What the subflows of one uplink measure together, in the direction from this end. */
export interface UplinkFigures {
  /** Smoothed, queues included; of the best subflow. Undefined until it is measured, like the next two. */
  readonly rttMs: number | undefined;
  /** The smallest of late. */
  readonly minRttMs: number | undefined;
  /** What was delivered while they were kept busy. */
  readonly rateBytesPerSecond: number | undefined;
  /** Written and not receipted. */
  readonly inFlightBytes: number;
}

export function uplinkFigures(subflows: readonly SubflowSnapshot[]): UplinkFigures {
  const measured = subflows.filter(({ isMeasured }) => isMeasured);
  const rateBytesPerSecond = sum(subflows.map(({ bytesPerSecond }) => bytesPerSecond));
  return {
    rttMs: least(measured.map(({ smoothedRttMs }) => smoothedRttMs)),
    minRttMs: least(measured.map(({ minRttMs }) => minRttMs)),
    rateBytesPerSecond: rateBytesPerSecond > 0 ? rateBytesPerSecond : undefined,
    inFlightBytes: sum(subflows.map(({ inFlightBytes }) => inFlightBytes)),
  };
}

function least(values: readonly number[]): number | undefined {
  return values.length > 0 ? Math.min(...values) : undefined;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** How a subflow is used, a state each. */
export const SUBFLOW_USES = ['active', 'doubted', 'parked', 'retiring'] as const;
export type SubflowUse = (typeof SUBFLOW_USES)[number];

export function subflowUse({ state, duty, isParked }: SubflowSnapshot): SubflowUse {
  if (state === 'doubted') return 'doubted';
  if (duty === 'retiring') return 'retiring';
  return isParked ? 'parked' : 'active';
}
