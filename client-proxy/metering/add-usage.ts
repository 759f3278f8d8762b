import type { WallClock } from '../../shared/runtime/clock.ts';
import { keptMeter } from './kept-meter.ts';
import { type CapWarning, Meter } from './meter.ts';
import { type ConfiguredPlans, isPattern, type Plan } from './plan.ts';
import { boundedUsage, type StoredUsage, updateUsageFile } from './usage-file.ts';
import type { WireBytes } from './wire-counter.ts';

/** How often the file is tried while another program is at it. */
const TRIES = 10;
const TRY_PAUSE_MS = 50;

/** What was carried over an uplink of a plan. */
export interface Carried {
  readonly plan: Plan;
  readonly uplinkName: string;
  /** All that the configuration counts for. */
  readonly plans: ConfiguredPlans;
  readonly bytes: WireBytes;
}

/**
 * Adds what another program than the client has carried to what is kept of a plan. A client that runs adds its own to it.
 * @returns what is to be said now of its caps; undefined when other programs were at the file all the time
 * @throws FileWriteError
 */
export async function addUsage(
  file: string,
  { plan, uplinkName, plans, bytes: { sentBytes, receivedBytes } }: Carried,
  wallClock: WallClock,
): Promise<readonly CapWarning[] | undefined> {
  let warnings: readonly CapWarning[] = [];
  for (let tries = 0; tries < TRIES; tries++) {
    if (tries > 0) await new Promise((resolve) => setTimeout(resolve, TRY_PAUSE_MS));
    const nowMs = wallClock();
    const isSaved = await updateUsageFile(file, nowMs, (kept) => {
      const all = keptMeter({ plan, uplinkNames: [uplinkName], plans }, kept, nowMs);
      warnings = all.add(sentBytes, receivedBytes, nowMs);
      const name = nameToKeepBy(plan, uplinkName, kept);
      const meter = new Meter(name, plan.settings, kept.get(name), nowMs);
      meter.add(sentBytes, receivedBytes, nowMs);
      const { usage } = meter.save(kept.get(name), nowMs);
      return boundedUsage(new Map([...kept, [name, usage]]), new Set([name]));
    });
    if (isSaved) return warnings;
  }
  return undefined;
}

/**
 * A pattern that nothing is kept by has not yet taken over what it matches, and does so only as long as nothing is. Until the client
 * has done it, usage is kept by the name of the uplink, which the client then takes over with the rest.
 */
function nameToKeepBy({ name }: Plan, uplinkName: string, kept: StoredUsage): string {
  return isPattern(name) && !kept.has(name) ? uplinkName : name;
}
