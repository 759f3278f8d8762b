import { deliveryTimeMs } from '../scheduler/delivery-time.ts';
import { rowOf } from '../steering/modes.ts';
import type { SharedPolicy } from '../steering/session-steering.ts';
import { ignoresLoss } from '../subflow/congestion-kind.ts';
import type { SessionSubflow } from './sent-item.ts';

/**
 * Subflows that may carry data: the active ones; backups, those that are parked and those that are about to go only when there is nothing
 * else (RFC 8684 section 3.3.8). Of several on one path of an uplink that use BBR one alone: the one that has worked for
 * longest without a doubt.
 */
export function trustedSubflows(subflows: readonly SessionSubflow[]): readonly SessionSubflow[] {
  // As a rule, and several times in each turn.
  if (subflows.every(isPlain)) return subflows;
  const active = subflows.filter((subflow) => subflow.state === 'active');
  const seconds = secondsOfBbr(active);
  const preferred = active.filter(
    (subflow) => subflow.duty.value === 'regular' && !subflow.uplink.isParked && !seconds.has(subflow),
  );
  return preferred.length > 0 ? preferred : active;
}

/** Those without a penalty for flapping; all of them where each has one, since it protects nothing then. */
export function steadySubflows(active: readonly SessionSubflow[]): readonly SessionSubflow[] {
  if (active.every(isReady)) return active;
  const steady = active.filter(isReady);
  return steady.length > 0 ? steady : active;
}

/** Those of the trusted subflows, or all when none is trusted. */
export function trustedOrAll(subflows: readonly SessionSubflow[]): readonly SessionSubflow[] {
  const trusted = trustedSubflows(subflows);
  return trusted.length > 0 ? trusted : subflows;
}

/**
 * Subflows that may carry a stream with a policy of its own: of the uplinks that it allows, and without those that serve a
 * penalty for flapping if there are others. That an uplink holds up bulk is of no account where bulk is not spread freely.
 */
export function steeredSubflows(
  { policy: { mode }, allowed }: SharedPolicy,
  subflows: readonly SessionSubflow[],
): readonly SessionSubflow[] {
  const active = subflows.filter(({ state, uplink }) => state === 'active' && allowed.of(uplink));
  const { spreadsFreely = false, carriers } = rowOf(mode);
  // First what they are for, then the penalty: a backup does not stand in for a subflow that flaps.
  if (spreadsFreely) return steadySubflows(trustedSubflows(active));
  const working = steadySubflows(active);
  const seconds = secondsOfBbr(active);
  const regular = working.filter((subflow) => subflow.duty.value === 'regular' && !seconds.has(subflow));
  const trusted = regular.length > 0 ? regular : working;
  return carriers === undefined ? trusted : carriers(trusted);
}

/** A control frame is at most this long for the choice of its subflow. */
const CONTROL_FRAME_BYTES = 64;

/**
 * Those that take a frame now, the one first on which it would arrive first. Where all are in doubt, the one first on which
 * the peer was heard last: it may work in spite of the doubt.
 */
export function byExpectedDelivery(subflows: readonly SessionSubflow[]): readonly SessionSubflow[] {
  const free = subflows.filter((subflow) => subflow.outbox.isWritable);
  if (free.length < 2) return free;
  if (!free.some(({ state }) => state === 'active')) {
    return free.sort((a, b) => b.lastDataMs - a.lastDataMs);
  }
  return free.sort((a, b) => deliveryTimeMs(a, CONTROL_FRAME_BYTES) - deliveryTimeMs(b, CONTROL_FRAME_BYTES));
}

/** The first `most` subflows, one of each uplink before a second of any: what befalls one uplink's is not to befall all copies. */
export function onDistinctUplinks(
  subflows: readonly SessionSubflow[],
  most: number,
): readonly SessionSubflow[] {
  if (subflows.length <= most) return subflows;
  const chosen: SessionSubflow[] = [];
  for (const subflow of subflows) {
    if (chosen.every(({ uplink }) => uplink !== subflow.uplink)) chosen.push(subflow);
    if (chosen.length === most) return chosen;
  }
  for (const subflow of subflows) {
    if (!chosen.includes(subflow)) chosen.push(subflow);
    if (chosen.length === most) break;
  }
  return chosen;
}

/** Whether nothing but others on its path could make it come behind them, and there are none. */
function isPlain({ state, duty, uplink }: SessionSubflow): boolean {
  return state === 'active' && duty.value === 'regular' && !uplink.isParked && uplink.subflows.length < 2;
}

function isReady({ liveness }: SessionSubflow): boolean {
  return liveness.isReady;
}

const NONE: ReadonlySet<SessionSubflow> = new Set();

/**
 * Those that use BBR, and have another with regular duty on their path that has worked for longer: one that has just come back has a
 * congestion window of a few packets, and one that was dialled meanwhile has more.
 */
function secondsOfBbr(active: readonly SessionSubflow[]): ReadonlySet<SessionSubflow> {
  // Mostly an uplink has one subflow.
  if (active.every(({ uplink }) => uplink.subflows.length < 2)) return NONE;
  const usingBbr = active.filter(({ congestionControl: name }) => name !== undefined && ignoresLoss(name));
  if (usingBbr.length === 0) return NONE;
  const regular = active.filter(({ duty }) => duty.value === 'regular');
  return new Set(usingBbr.filter((one) => regular.some((other) => isSteadier(other, one))));
}

function isSteadier(one: SessionSubflow, other: SessionSubflow): boolean {
  if (one.uplink !== other.uplink || one.path !== other.path) return false;
  if (one.liveness.activeMs !== other.liveness.activeMs)
    return one.liveness.activeMs > other.liveness.activeMs;
  return one.id < other.id;
}
