import type { PresentUplink } from '../config/client-config.ts';
import type { UplinkTrouble } from '../network/uplink-trouble.ts';
import type { UplinkStatus } from '../path-manager/uplink-status.ts';
import type { UplinkUseWithReason } from '../path-manager/uplink-use.ts';
import type { UplinkMeasure } from './balance/uplink-measure.ts';

export interface DirectStatusSource {
  readonly uplinks: () => readonly PresentUplink[];
  useOf(uplinkName: string): UplinkUseWithReason;
  readonly troubles: () => ReadonlyMap<string, UplinkTrouble>;
  measureOf(uplinkName: string): Pick<UplinkMeasure, 'isSuspect'>;
}

/** What each uplink is to connections that go directly, where nothing else goes; `isUp`: it serves them, or would. */
export function directStatus(source: DirectStatusSource): readonly UplinkStatus[] {
  return source.uplinks().map((uplink) => ({ name: uplink.name, ...stateOf(uplink, source) }));
}

function stateOf(
  { name, backup, backupReason, joinAboveUtilization }: PresentUplink,
  { useOf, troubles, measureOf }: DirectStatusSource,
): Omit<UplinkStatus, 'name'> {
  const { use, reason, cause = 'cap' } = useOf(name);
  if (use === 'stopped') return { isUp: false, state: 'stopped', cause, reason: `stopped: ${reason}` };
  const trouble = troubles().get(name);
  if (trouble !== undefined)
    return { isUp: false, state: 'down', cause: trouble.code, reason: trouble.reason };
  if (measureOf(name).isSuspect) return { isUp: false, state: 'doubted', cause: 'silent', reason: SUSPECT };
  if (use === 'backup') return { isUp: true, state: 'backup', cause: 'cap', reason: `backup: ${reason}` };
  if (backup) {
    return backupReason === undefined
      ? { isUp: true, state: 'backup', cause: 'none', reason: 'backup' }
      : { isUp: true, state: 'backup', cause: 'condition', reason: `backup: ${backupReason}` };
  }
  if (joinAboveUtilization !== undefined)
    return { isUp: true, state: 'waiting', cause: 'not-needed', reason: WAITS };
  return { isUp: true, state: 'in-use', cause: 'none', reason: 'in use' };
}

const SUSPECT = 'doubted: it failed where others did not; it comes last, and is tried again beside them';
const WAITS = 'waiting: the others answer';
