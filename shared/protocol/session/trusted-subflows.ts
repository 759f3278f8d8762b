import { shareBottleneck } from '../scheduler/scheduler.ts';
import type { SteeringPolicy } from '../steering/steering-policy.ts';
import { ignoresLoss } from '../subflow/congestion-kind.ts';
import type { Subflow } from '../subflow/subflow.ts';

/**
 * Subflows that may carry data: the active ones; backups, those that are parked and those that are about to go only when there is nothing
 * else (RFC 8684 section 3.3.8). Of several on one path of an uplink that use BBR the oldest alone.
 */
export function trustedSubflows(subflows: readonly Subflow[]): readonly Subflow[] {
  const active = subflows.filter((subflow) => subflow.state === 'active');
  const preferred = active.filter(
    (subflow) =>
      subflow.duty.value === 'regular' && !subflow.uplink.isParked && !isSecondOfBbr(subflow, active),
  );
  return preferred.length > 0 ? preferred : active;
}

/**
 * Subflows that may carry a stream with a policy of its own: of the uplinks that it allows, and without those that serve a
 * penalty for flapping if there are others. That an uplink holds up bulk is of no account where bulk is not spread freely.
 * For `redundant` one of each path.
 */
export function steeredSubflows(
  { mode, only }: SteeringPolicy,
  subflows: readonly Subflow[],
  _nowMs: number,
): readonly Subflow[] {
  const active = subflows.filter(
    ({ state, uplinkName }) => state === 'active' && (only === undefined || only.includes(uplinkName)),
  );
  if (mode === 'aggregate') return trustedSubflows(active);
  const steady = active.filter(({ liveness }) => liveness.isReady);
  const working = steady.length > 0 ? steady : active;
  const regular = working.filter(
    (subflow) => subflow.duty.value === 'regular' && !isSecondOfBbr(subflow, active),
  );
  const trusted = regular.length > 0 ? regular : working;
  return mode === 'redundant' ? oneOfEachPath(trusted) : trusted;
}

function oneOfEachPath(subflows: readonly Subflow[]): readonly Subflow[] {
  return subflows.filter(
    (subflow, index) => subflows.findIndex((other) => shareBottleneck(other, subflow)) === index,
  );
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
  if (!ignoresLoss(subflow.congestionControl)) return false;
  return active.some(
    (other) => shareBottleneck(other, subflow) && other.id < subflow.id && other.duty.value === 'regular',
  );
}
