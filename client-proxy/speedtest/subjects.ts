import { TributaryError } from '../../shared/protocol/errors.ts';
import type { ConfiguredUplink } from '../config/client-config.ts';
import type { Direction } from '../measurement/transfer.ts';
import type { UplinkUseWithReason } from '../path-manager/uplink-use.ts';
import type { Rates } from './shared-bottleneck.ts';
import { type LoadFigures, NOT_MEASURED, type SpeedTestRequest, type UplinkSpeed } from './speed-report.ts';

/** What there is to measure, as the client has it. */
export interface SubjectSource {
  /** All that there are now. */
  uplinks(): readonly ConfiguredUplink[];
  useOf(uplinkName: string): UplinkUseWithReason;
}

/** There is nothing to measure, or no way to. The message says why, and what to do. */
export class SpeedTestError extends TributaryError {
  constructor(message: string) {
    super('cancelled', message, 'ours');
  }
}

/** An uplink in the course of a test. */
export interface Subject {
  readonly uplink: ConfiguredUplink;
  state: UplinkSpeed['state'];
  reason: string;
  idleMs: number | null;
  readonly alone: Record<Direction, LoadFigures | null>;
  readonly beside: Record<Direction, number | null>;
}

/** The uplinks that are wanted; those that must not be used are left out with the reason. Throws SpeedTestError when none is left. */
export function chooseSubjects(
  { uplinks: named, metered }: SpeedTestRequest,
  source: SubjectSource,
): readonly Subject[] {
  const all = source.uplinks();
  const missing = (named ?? []).filter((name) => all.every((uplink) => uplink.name !== name));
  if (missing.length > 0) {
    const names = all.map(({ name }) => name).join(', ') || 'none';
    throw new SpeedTestError(`there is no uplink ${missing.join(', ')} now: there are ${names}`);
  }
  const chosen = all.filter(({ name }) => named === undefined || named.includes(name));
  const subjects = chosen.map((uplink): Subject => {
    const { use, reason } = source.useOf(uplink.name);
    const isSpared = uplink.metered !== undefined && !metered;
    const why = use === 'stopped' ? reason : isSpared ? 'it is metered' : '';
    return {
      ...{ uplink, reason: why, state: why === '' ? 'measured' : 'skipped', idleMs: null },
      ...{ alone: { ...NOT_MEASURED }, beside: { ...NOT_MEASURED } },
    };
  });
  if (subjects.some(({ state }) => state === 'measured')) return subjects;
  if (subjects.length === 0) throw new SpeedTestError('there is no uplink now');
  const reasons = subjects.map(({ uplink, reason }) => `${uplink.name} (${reason})`);
  throw new SpeedTestError(`every uplink is left out: ${reasons.join(', ')}`);
}

/** What each had alone, as far as it was measured. */
export function ratesAlone(subjects: readonly Subject[], direction: Direction): Rates {
  return new Map(
    subjects.flatMap(({ uplink, alone }) => {
      const rate = alone[direction]?.bitsPerSecond ?? undefined;
      return rate === undefined ? [] : [[uplink.name, rate] as const];
    }),
  );
}

export function speedOf({ uplink, state, reason, idleMs, alone, beside }: Subject): UplinkSpeed {
  const { name, backup: isBackup, metered } = uplink;
  return { name, state, reason, isBackup, isMetered: metered !== undefined, idleMs, alone, beside };
}
