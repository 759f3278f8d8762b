import { MAX_SUBFLOWS_PER_UPLINK } from '../../shared/protocol/uplink/wanted-subflows.ts';

/** How many subflows each uplink keeps: a number, or as many as the losses on it call for. */
export type SubflowsPerPath = number | 'auto';

/**
 * Most subflows of one uplink: a fair share of what the concentrator takes in a session, with room for one more on each
 * uplink, in place of one that is silent.
 *
 * @param maxSubflows as WELCOME says; undefined where it does not: one each, then
 */
export function subflowBound(maxSubflows: number | undefined, uplinks: number): number {
  if (maxSubflows === undefined) return 1;
  return Math.min(subflowRoom(maxSubflows, uplinks), MAX_SUBFLOWS_PER_UPLINK);
}

/** As `subflowBound`, for a moment in which there may be more. */
export function subflowRoom(maxSubflows: number | undefined, uplinks: number): number {
  return Math.max(Math.floor(((maxSubflows ?? 0) - uplinks) / uplinks), 1);
}
