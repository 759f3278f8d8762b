import type { TimeSpan, WallClocks } from './time-span.ts';

/** When an uplink is a backup: while all that is said here holds. */
export interface BackupCondition {
  readonly between?: readonly TimeSpan[];
  /** It costs more than this per gigabyte. */
  readonly aboveCost?: number;
}

/** `between 18:00-23:00, above 1 per GB`, for people. */
export function describeCondition({ between, aboveCost }: BackupCondition): string {
  return [
    ...(between === undefined ? [] : [betweenText(between)]),
    ...(aboveCost === undefined ? [] : [`above ${aboveCost} per GB`]),
  ].join(', ');
}

/** Why the uplink is a backup now, for people; undefined while it is none. */
export function backupReason(
  { between, aboveCost }: BackupCondition,
  costPerGB: number,
  clocks: WallClocks,
  ms: number,
): string | undefined {
  if (between !== undefined && !clocks.isIn(between, ms)) return undefined;
  if (aboveCost !== undefined && costPerGB <= aboveCost) return undefined;
  return [
    ...(between === undefined ? [] : [betweenText(between)]),
    ...(aboveCost === undefined ? [] : [`it costs ${costPerGB} per GB, which is above ${aboveCost}`]),
  ].join(', ');
}

function betweenText(between: readonly TimeSpan[]): string {
  return `between ${between.map(({ text }) => text).join(', ')}`;
}
