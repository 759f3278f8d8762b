import { ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import type { UplinkCheck } from '../case/uplink-check.ts';
import { OLDER } from '../case/words.ts';

/** Far above what a machine without NTP drifts in days, and what an answer may take to come. */
const MOST_SKEW_MS = 60_000;

/** The clocks of both ends agree: caps of metered uplinks and logs go by them. */
export const clockCheck: UplinkCheck = {
  name: 'clock',
  needs: ['authentication'],
  run({ found: { facts, whyUnmeasured, clockSkewMs } }) {
    if (facts === undefined || clockSkewMs === undefined) return skipped(whyUnmeasured ?? OLDER);
    const figures = { skew: { value: Math.round(clockSkewMs), unit: 'ms' as const } };
    const size = Math.abs(clockSkewMs);
    if (size <= MOST_SKEW_MS)
      return ok(`this machine and the concentrator agree to ${sizeInWords(size)}`, figures);
    const direction = clockSkewMs > 0 ? 'ahead of' : 'behind';
    return warning(
      `the clock of this machine is ${sizeInWords(size)} ${direction} that of the concentrator`,
      ['timedatectl set-ntp true   # on the machine whose clock is wrong: see `date` on both'],
      figures,
    );
  },
};

function sizeInWords(ms: number): string {
  if (ms < 1_000) return 'less than a second';
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}
