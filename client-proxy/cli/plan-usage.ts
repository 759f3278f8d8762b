import { join } from 'node:path';
import { defaultStateDirectory } from '../../shared/runtime/config/state-directory.ts';
import { byteText } from '../../shared/runtime/text/byte-text.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import { configuredPlans } from '../discovery/configured-plans.ts';
import { keptMeter } from '../metering/kept-meter.ts';
import { planOf } from '../metering/plan.ts';
import { strayUsage } from '../metering/stray-usage.ts';
import { readUsageFile, type StoredUsage, USAGE_FILE_NAME } from '../metering/usage-file.ts';
import { usageReport } from '../metering/usage-report.ts';
import { uplinksNow } from './check-uplinks.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';

/** What all plans of a configuration have used, as far as it is written down. */
export interface PlanUsage {
  /** One for each plan, with its uplinks where their names are others. */
  readonly lines: readonly string[];
  /** Where it is kept. */
  readonly fileText: string;
  /** What else there is to know of it. */
  readonly warnings: readonly string[];
}

/** Where a client with this configuration keeps what its metered uplinks have used. */
export function usageFileOf({ stateDirectory }: ClientConfig, deps: ClientCliDeps): string {
  return join(stateDirectory ?? defaultStateDirectory(deps), USAGE_FILE_NAME);
}

/** @param uplinks those that are listed or found now */
export async function planUsage(
  config: ClientConfig,
  uplinks: readonly ConfiguredUplink[],
  deps: ClientCliDeps,
): Promise<PlanUsage> {
  const file = usageFileOf(config, deps);
  const plans = configuredPlans(config);
  if (plans.size === 0) return { lines: [], fileText: file, warnings: [] };
  const read = await readUsageFile(file);
  const stored: StoredUsage = read.kind === 'read' ? read.usage : new Map();
  const nowMs = deps.now().getTime();
  const uplinkNamesOf = (plan: string) =>
    uplinks.filter((uplink) => planOf(uplink)?.name === plan).map(({ name }) => name);
  const lines = [...plans].map(([name, { settings }]) => {
    const uplinkNames = uplinkNamesOf(name);
    const meter = keptMeter({ plan: { name, settings }, uplinkNames, plans }, stored, nowMs);
    const others = uplinkNames.filter((one) => one !== name);
    const who = others.length === 0 ? name : `${name} (${others.join(', ')})`;
    return `${who}: ${usageReport(settings, meter)}`;
  });
  return {
    lines,
    fileText: `${file}${read.kind === 'absent' ? ', not written yet' : ''}`,
    warnings: [
      ...('problem' in read ? [`${read.problem}: ${CONSEQUENCES[read.kind]}`] : []),
      ...strayUsage(stored, plans, uplinkNamesOf, nowMs).map(
        ({ name, usedBytes, remedy }) =>
          `${byteText(usedBytes)} of this month are kept for ${name}, which is no plan now, so that no cap counts them: ${remedy}`,
      ),
    ],
  };
}

/** Says what all plans have used. */
export async function usage(config: ClientConfig, deps: ClientCliDeps): Promise<void> {
  const uplinks = await uplinksNow(config, deps);
  const { lines, fileText, warnings } = await planUsage(config, uplinks.all, deps);
  if (lines.length === 0) deps.stdout('no uplink is metered, and none belongs to a plan\n');
  else deps.stdout(`${lines.join('\n')}\nkept in ${fileText}\n`);
  for (const warning of warnings) deps.stderr(`warning: ${warning}\n`);
}

const CONSEQUENCES = {
  damaged: 'the client will set it aside and count anew',
  forbidden: 'run the command as root, or as the user that the client runs as',
};
