import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import { inUseReason } from './in-use-reason.ts';
import type { UplinkReason } from './uplink-cause.ts';
import type { UplinkDialer } from './uplink-dialer.ts';

/**
 * What an uplink is to its session: `in-use`; `backup`, up and idle until nothing else works; `waiting` for a demand, and not dialled;
 * `doubted`, up and silent; `parked` by the harm guard, up and left out of what this end sends; `down`; `stopped` by its use.
 */
export const UPLINK_STATES = ['in-use', 'backup', 'waiting', 'doubted', 'parked', 'down', 'stopped'] as const;
export type UplinkState = (typeof UPLINK_STATES)[number];

/** How an uplink is, and why, for a person. */
export interface UplinkStatus extends UplinkReason {
  readonly name: string;
  /** Whether it carries a subflow. */
  readonly isUp: boolean;
  readonly state: UplinkState;
}

/** @param driver of the session, once there is one */
export function uplinkStatus(dialer: UplinkDialer, driver: SessionDriver | undefined): UplinkStatus {
  const { name } = dialer.uplink;
  return { name, isUp: dialer.paths.isUp, ...stateOf(dialer, driver) };
}

function stateOf(
  dialer: UplinkDialer,
  driver: SessionDriver | undefined,
): Pick<UplinkStatus, 'state' | 'cause' | 'reason'> {
  const { use, reason, cause = 'cap' } = dialer.use;
  if (use === 'stopped') return { state: 'stopped', cause, reason: `stopped: ${reason}` };
  if (!dialer.isWanted) {
    const waiting = waitsFor(dialer);
    if (use !== 'backup') {
      const { backupReason } = dialer.uplink;
      if (backupReason === undefined) return { state: 'waiting', ...waiting };
      return { state: 'waiting', cause: 'condition', reason: `backup: ${backupReason}; ${waiting.reason}` };
    }
    return { state: 'waiting', cause: 'cap', reason: `backup: ${reason}; ${waiting.reason}` };
  }
  const ids = dialer.paths.subflowIds;
  const snapshot = driver?.snapshot();
  const own = snapshot?.subflows.filter(({ id }) => ids.includes(id)) ?? [];
  if (own.length > 0 && own.every(({ state }) => state === 'doubted')) {
    const why = driver?.linkOf(own[0]!.id)?.doubtReason;
    const text = `doubted: ${why}; what is under way on it is sent again elsewhere`;
    return { state: 'doubted', cause: 'silent', reason: text };
  }
  if (!dialer.paths.isUp) return { state: 'down', ...dialer.reason };
  if (dialer.isBackup) {
    if (use === 'backup') return { state: 'backup', cause: 'cap', reason: `backup: ${reason}` };
    const { backupReason } = dialer.uplink;
    return backupReason === undefined
      ? { state: 'backup', cause: 'none', reason: 'backup' }
      : { state: 'backup', cause: 'condition', reason: `backup: ${backupReason}` };
  }
  const parkedFor = driver?.parkReasonOf(dialer.uplink.name);
  if (parkedFor !== undefined) {
    return { state: 'parked', cause: 'holds-up-the-rest', reason: `parked: ${parkedFor}` };
  }
  const leftOut = snapshot?.uplinks.find(({ name }) => name === dialer.uplink.name)?.leftOut();
  return { state: 'in-use', ...inUseReason(leftOut, dialer.packetBytes) };
}

function waitsFor({ demandKind, uplink }: UplinkDialer): UplinkReason {
  const percent = Math.round((uplink.joinAboveUtilization ?? 0) * 100);
  switch (demandKind) {
    case 'always':
      return { cause: 'not-dialled', reason: 'not dialled yet' };
    case 'last-resort':
      return { cause: 'not-needed', reason: 'dialled when no other uplink works' };
    case 'overflow':
      return { cause: 'not-needed', reason: `waiting: the others are below ${percent} % utilization` };
  }
}
