import type { WallClock } from '../../shared/runtime/clock.ts';
import { Meter, type Verdict } from './meter.ts';
import { type ConfiguredPlans, formerNames, type Plan } from './plan.ts';
import { readUsageFile, type StoredUsage } from './usage-file.ts';

/** What the uplinks of a plan may be used for by what is kept of its usage; or why that cannot be told. */
export type KeptVerdict = Verdict | { readonly use: 'unknown'; readonly reason: string };

/** For commands that look; a client that runs counts by itself. @param uplinkName of an uplink of the plan */
export async function keptVerdict(
  usageFile: string,
  { name, settings }: Plan,
  uplinkName: string,
  plans: ConfiguredPlans,
  wallClock: WallClock,
): Promise<KeptVerdict> {
  const read = await readUsageFile(usageFile);
  if ('problem' in read) {
    return { use: 'unknown', reason: `what the plan ${name} has used cannot be read: ${read.problem}` };
  }
  const kept: StoredUsage = read.kind === 'read' ? read.usage : new Map();
  const nowMs = wallClock();
  const meter = new Meter(name, settings, kept.get(name), nowMs);
  const former = formerNames({ plan: name, uplinkNames: [uplinkName], keptNames: kept.keys(), plans });
  for (const one of former) meter.absorb(kept.get(one)!, nowMs);
  return meter.verdict;
}

/** Whether a plan has a cap at all. */
export function hasCap({ settings }: Plan): boolean {
  return settings.dailyBytes !== undefined || settings.monthlyBytes !== undefined;
}
