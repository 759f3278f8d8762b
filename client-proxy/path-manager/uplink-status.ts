import type { Subflow } from '../../shared/protocol/subflow/subflow.ts';
import type { UplinkDialer } from './uplink-dialer.ts';

/**
 * What an uplink is to its session: `in-use`; `backup`, up and idle until nothing else works; `waiting` for a demand, and not dialled;
 * `doubted`, up and silent; `parked` by the harm guard, up and left out of what this end sends; `down`; `stopped` by its use.
 */
export const UPLINK_STATES = ['in-use', 'backup', 'waiting', 'doubted', 'parked', 'down', 'stopped'] as const;
export type UplinkState = (typeof UPLINK_STATES)[number];

/** How an uplink is, and why, for a person. */
export interface UplinkStatus {
  readonly name: string;
  /** Whether it carries a subflow. */
  readonly isUp: boolean;
  readonly state: UplinkState;
  readonly reason: string;
}

/**
 * @param subflows all of the session
 * @param parkedFor why the harm guard has parked the uplink, if it has
 */
export function uplinkStatus(
  dialer: UplinkDialer,
  subflows: readonly Subflow[],
  parkedFor: string | undefined,
): UplinkStatus {
  const { name } = dialer.uplink;
  const ids = dialer.subflowIds;
  const own = subflows.filter(({ id }) => ids.includes(id));
  return { name, isUp: dialer.isUp, ...stateOf(dialer, own, parkedFor) };
}

function stateOf(
  dialer: UplinkDialer,
  own: readonly Subflow[],
  parkedFor: string | undefined,
): Pick<UplinkStatus, 'state' | 'reason'> {
  const { use, reason } = dialer.use;
  if (use === 'stopped') return { state: 'stopped', reason: `stopped: ${reason}` };
  if (!dialer.isWanted) {
    const waiting = waitsFor(dialer);
    return { state: 'waiting', reason: use === 'backup' ? `backup: ${reason}; ${waiting}` : waiting };
  }
  if (own.length > 0 && own.every(({ state }) => state === 'doubted')) {
    return { state: 'doubted', reason: 'silent: what is under way on it is sent again elsewhere' };
  }
  if (!dialer.isUp) return { state: 'down', reason: dialer.reason };
  if (dialer.isBackup) {
    return { state: 'backup', reason: use === 'backup' ? `backup: ${reason}` : 'backup' };
  }
  if (parkedFor !== undefined) return { state: 'parked', reason: `parked: ${parkedFor}` };
  return { state: 'in-use', reason: 'in use' };
}

function waitsFor({ demandKind, uplink }: UplinkDialer): string {
  switch (demandKind) {
    case 'always':
      return 'not dialled yet';
    case 'last-resort':
      return 'dialled when no other uplink works';
    case 'overflow':
      return `waiting: the others are below ${Math.round((uplink.joinAboveUtilization ?? 0) * 100)} % utilization`;
  }
}
