import type { WallClock } from '../../shared/runtime/clock.ts';
import { type KeptPlan, keptMeter } from './kept-meter.ts';
import type { Verdict } from './meter.ts';
import type { Plan } from './plan.ts';
import { readUsageFile } from './usage-file.ts';

/** What the uplinks of a plan may be used for by what is kept of its usage; or why that cannot be told. */
export type KeptVerdict = Verdict | { readonly use: 'unknown'; readonly reason: string };

/** For commands that look; a client that runs counts by itself. */
export async function keptVerdict(
  usageFile: string,
  keptPlan: KeptPlan,
  wallClock: WallClock,
): Promise<KeptVerdict> {
  const read = await readUsageFile(usageFile);
  if ('problem' in read) {
    const { name } = keptPlan.plan;
    return { use: 'unknown', reason: `what the plan ${name} has used cannot be read: ${read.problem}` };
  }
  return keptMeter(keptPlan, read.kind === 'read' ? read.usage : new Map(), wallClock()).verdict;
}

/** Whether a plan has a cap at all. */
export function hasCap({ settings }: Plan): boolean {
  return settings.dailyBytes !== undefined || settings.monthlyBytes !== undefined;
}
