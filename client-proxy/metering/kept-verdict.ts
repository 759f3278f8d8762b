import type { WallClock } from '../../shared/runtime/clock.ts';
import { Meter, type Verdict } from './meter.ts';
import type { Plan } from './plan.ts';
import { readUsageFile } from './usage-file.ts';

/** What the uplinks of a plan may be used for by what is kept of its usage; or why that cannot be told. */
export type KeptVerdict = Verdict | { readonly use: 'unknown'; readonly reason: string };

/** For commands that look; a client that runs counts by itself. */
export async function keptVerdict(
  usageFile: string,
  { name, settings }: Plan,
  wallClock: WallClock,
): Promise<KeptVerdict> {
  const read = await readUsageFile(usageFile);
  if ('problem' in read) {
    return { use: 'unknown', reason: `what the plan ${name} has used cannot be read: ${read.problem}` };
  }
  const stored = read.kind === 'read' ? read.usage.get(name) : undefined;
  return new Meter(name, settings, stored, wallClock()).verdict;
}

/** Whether a plan has a cap at all. */
export function hasCap({ settings }: Plan): boolean {
  return settings.dailyBytes !== undefined || settings.monthlyBytes !== undefined;
}
