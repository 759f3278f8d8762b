import { type Finding, failed, ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import { Meter } from '../../metering/meter.ts';
import type { MeteredSettings } from '../../metering/metered-settings.ts';
import { planOf } from '../../metering/plan.ts';
import { readUsageFile } from '../../metering/usage-file.ts';
import type { UplinkCheck } from '../case/uplink-check.ts';

/**
 * Whether a cap of its plan lets the client use the uplink now. Over one that the client has stopped nothing is sent from here either,
 * unless it is asked for: what is beyond a cap may be dear. Nor is it over one that may be stopped.
 */
export const capCheck: UplinkCheck = {
  name: 'cap',
  applies: ({ uplink }) => {
    const settings = planOf(uplink)?.settings;
    return settings?.dailyBytes !== undefined || settings?.monthlyBytes !== undefined;
  },
  async run({ uplink, options, usageFile, wallClock }) {
    const { name, settings } = planOf(uplink)!;
    const read = await readUsageFile(usageFile);
    if (read.kind === 'damaged') return unknownUsage(name, settings, options.metered, read.problem);
    const stored = read.kind === 'read' ? read.usage.get(name) : undefined;
    const { use, reason } = new Meter(name, settings, stored, wallClock()).verdict;
    const remedy = [
      `raise the cap of the plan ${name}, or wait: tributary-client usage   # what it has used`,
    ];
    switch (use) {
      case 'normal':
        return ok(`the plan ${name} has room below its caps`);
      case 'backup':
        return warning(`${reason}: until then the client uses it only when no other uplink works`, remedy);
      case 'stopped': {
        const words = `${reason}: until then the client sends nothing over it`;
        if (options.metered) return warning(words, remedy);
        return failed(words, [...remedy, ALL_THE_SAME]);
      }
    }
  },
};

const ALL_THE_SAME = 'tributary-client doctor --metered   # examines it all the same';

/** The uplink may be over its caps. */
function unknownUsage(
  plan: string,
  { atCap }: MeteredSettings,
  isAskedFor: boolean,
  problem: string,
): Finding {
  const words = `what the plan ${plan} has used cannot be read: ${problem}`;
  const remedy = ['run the doctor as the user that the client runs as, and see what is wrong with the file'];
  if (atCap !== 'stop' || isAskedFor) return warning(words, remedy);
  return failed(words, [...remedy, ALL_THE_SAME]);
}
