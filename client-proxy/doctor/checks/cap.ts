import { type Finding, failed, ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import { configuredPlans } from '../../discovery/configured-plans.ts';
import { hasCap, keptVerdict } from '../../metering/kept-verdict.ts';
import type { MeteredSettings } from '../../metering/metered-settings.ts';
import { planOf } from '../../metering/plan.ts';
import type { UplinkCheck } from '../case/uplink-check.ts';

/**
 * Whether a cap of its plan lets the client use the uplink now. Over one that the client has stopped nothing is sent from here either,
 * unless it is asked for: what is beyond a cap may be dear. Nor is it over one that may be stopped.
 */
export const capCheck: UplinkCheck = {
  name: 'cap',
  applies: ({ uplink }) => {
    const plan = planOf(uplink);
    return plan !== undefined && hasCap(plan);
  },
  async run({ config, uplink, options, usageFile, wallClock }) {
    const plan = planOf(uplink)!;
    const { name, settings } = plan;
    const { use, reason } = await keptVerdict(
      usageFile,
      { plan, uplinkNames: [uplink.name], plans: configuredPlans(config) },
      wallClock,
    );
    const remedy = [
      `raise the cap of the plan ${name}, or wait: tributary-client usage   # what it has used`,
    ];
    switch (use) {
      case 'unknown':
        return unknownUsage(reason, settings, options.metered);
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
function unknownUsage(words: string, { atCap }: MeteredSettings, isAskedFor: boolean): Finding {
  const remedy = ['run the doctor as the user that the client runs as, and see what is wrong with the file'];
  if (atCap !== 'stop' || isAskedFor) return warning(words, remedy);
  return failed(words, [...remedy, ALL_THE_SAME]);
}
