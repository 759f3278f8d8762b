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
  const share = Math.floor((maxSubflows - uplinks) / uplinks);
  return Math.min(Math.max(share, 1), MAX_SUBFLOWS_PER_UPLINK);
}
