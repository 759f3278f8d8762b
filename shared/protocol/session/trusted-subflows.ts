import { shareBottleneck } from '../scheduler/scheduler.ts';
import type { Subflow } from '../subflow/subflow.ts';
import { paysNoHeedToLoss } from './subflow-wishes.ts';

/**
 * Subflows that may carry data: the active ones; backups, those that are parked and those that are about to go only when there is nothing
 * else (RFC 8684 section 3.3.8). Of several on one path of an uplink that use BBR the oldest alone.
 */
export function trustedSubflows(subflows: readonly Subflow[]): readonly Subflow[] {
  const active = subflows.filter((subflow) => subflow.state === 'active');
  const preferred = active.filter(
    (subflow) =>
      !subflow.isBackup && !subflow.isRetiring && !subflow.isParked && !isSecondOfBbr(subflow, active),
  );
  return preferred.length > 0 ? preferred : active;
}

/** The first `most` subflows, one of each uplink before a second of any: what befalls one uplink's is not to befall all copies. */
export function onDistinctUplinks(subflows: readonly Subflow[], most: number): readonly Subflow[] {
  if (subflows.length <= most) return subflows;
  const chosen: Subflow[] = [];
  for (const subflow of subflows) {
    if (chosen.every(({ uplinkName }) => uplinkName !== subflow.uplinkName)) chosen.push(subflow);
    if (chosen.length === most) return chosen;
  }
  for (const subflow of subflows) {
    if (!chosen.includes(subflow)) chosen.push(subflow);
    if (chosen.length === most) break;
  }
  return chosen;
}

function isSecondOfBbr(subflow: Subflow, active: readonly Subflow[]): boolean {
  if (active.length < 2 || subflow.congestionControl === undefined) return false;
  if (!paysNoHeedToLoss(subflow.congestionControl)) return false;
  return active.some(
    (other) =>
      shareBottleneck(other, subflow) && other.id < subflow.id && !other.isRetiring && !other.isBackup,
  );
}
