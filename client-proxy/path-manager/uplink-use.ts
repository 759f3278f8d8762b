/**
 * What an uplink may be used for: as configured; carrying data only while no other can; or not at all, without any subflow.
 */
export type UplinkUse = 'normal' | 'backup' | 'stopped';

/** With the reason, for a person; empty for `normal`. */
export interface UplinkUseWithReason {
  readonly use: UplinkUse;
  readonly reason: string;
}

export const NORMAL_USE: UplinkUseWithReason = { use: 'normal', reason: '' };
