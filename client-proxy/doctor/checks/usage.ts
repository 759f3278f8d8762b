import { dirname } from 'node:path';
import { TributaryError } from '../../../shared/protocol/errors.ts';
import { type Finding, ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import { byteText } from '../../../shared/runtime/text/byte-text.ts';
import { configuredPlans } from '../../discovery/configured-plans.ts';
import { addUsage } from '../../metering/add-usage.ts';
import { CAP_NAME } from '../../metering/meter.ts';
import { planOf } from '../../metering/plan.ts';
import type { UplinkCase, UplinkCheck } from '../case/uplink-check.ts';

/** What the checks before it have used of a plan is counted for the plan; once, however often it is run. */
export const usageCheck = {
  name: 'usage',
  applies: (it: UplinkCase) => planOf(it.uplink) !== undefined && usedBytes(it) > 0,
  run(it: UplinkCase): Promise<Finding> {
    it.found.usage ??= count(it);
    return it.found.usage;
  },
} satisfies UplinkCheck;

async function count(it: UplinkCase): Promise<Finding> {
  const { config, uplink, prober, usageFile, wallClock } = it;
  const plan = planOf(uplink)!;
  const carried = {
    ...{ plan, uplinkName: uplink.name, plans: configuredPlans(config) },
    bytes: prober.carried(uplink),
  };
  const bytes = usedBytes(it);
  const figures = { used: { value: bytes, unit: 'bytes' } } as const;
  const text = `this examination has used ${byteText(bytes)}`;
  const uncounted = (reason: string) =>
    ok(`${text}, which no cap counts: ${reason}`, figures, [
      'run doctor as the user that the client runs as, so that it may write to its stateDir',
    ]);
  try {
    const warnings = await addUsage(usageFile, carried, wallClock);
    if (warnings === undefined) return uncounted(`another program kept ${usageFile} busy`);
    const nearly = warnings.map(({ kind }) => `; its ${CAP_NAME[kind]} cap is nearly reached`);
    return ok(`${text}, counted for the plan ${plan.name}${nearly.join('')}`, figures);
  } catch (error) {
    const { message } = error as Error;
    if (!isForEverybody(error)) return uncounted(message);
    const folder = dirname(usageFile);
    return warning(
      `${text}, which no cap counts: ${message}`,
      [
        `df -h ${folder}; df -i ${folder}; findmnt -T ${folder}   # the client cannot write there either, and forgets what it has used when it ends`,
      ],
      figures,
    );
  }
}

/** Nobody can write to a full disk; otherwise another user than this one may, or the client where it has made the folder. */
function isForEverybody(error: unknown): boolean {
  const { code, cause } = error as NodeJS.ErrnoException;
  const ofSystem =
    error instanceof TributaryError ? (cause as NodeJS.ErrnoException | undefined)?.code : code;
  return ofSystem !== undefined && FOR_EVERYBODY.has(ofSystem);
}

/** The last: something else stands where the folder should. */
const FOR_EVERYBODY: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'ENOTDIR']);

function usedBytes({ uplink, prober }: UplinkCase): number {
  const { sentBytes, receivedBytes } = prober.carried(uplink);
  return sentBytes + receivedBytes;
}
