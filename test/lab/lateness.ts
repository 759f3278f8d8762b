import type { Bed } from '../bed/bed.ts';

/** Later than this a packet came late because of the machine, not because of the link. */
export const LATE_US = 500;

/** How late the emulator was on average on its worst direction, in microseconds; a busy machine shows here first. */
export async function lateness(bed: Bed): Promise<number> {
  const stats = await Promise.all(bed.uplinks.map((uplink) => uplink.stats()));
  return Math.max(...stats.flatMap(({ up, down }) => [up.meanLateUs, down.meanLateUs]));
}
