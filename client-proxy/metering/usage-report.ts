import { formatBitRate } from '../../shared/runtime/config/bit-rate.ts';
import { byteText } from '../../shared/runtime/text/byte-text.ts';
import { CAP_NAME, type Meter } from './meter.ts';
import type { MeteredSettings } from './metered-settings.ts';
import { totalBytes } from './usage.ts';

/** One line for a person: what a plan has used of its caps, and what happens there. @param meter of the plan */
export function usageReport(settings: MeteredSettings, meter: Meter): string {
  const parts = meter.caps.map(({ kind, usage, capBytes }) => {
    const used = byteText(totalBytes(usage));
    const period = kind === 'day' ? 'today' : `since ${meter.dateText(usage.startMs)}`;
    if (capBytes === undefined) return `${used} ${period}`;
    const percent = Math.floor((totalBytes(usage) / capBytes) * 100);
    return `${used} of ${byteText(capBytes)} ${period} (${percent} %)`;
  });
  const { downBytesPerSecond: down, upBytesPerSecond: up } = settings.rateLimit;
  if (down > 0) parts.push(`at most ${formatBitRate(down)} down`);
  if (up > 0) parts.push(`at most ${formatBitRate(up)} up`);
  const { use, reason } = meter.verdict;
  const capped = meter.caps.filter(({ capBytes }) => capBytes !== undefined);
  if (use !== 'normal') parts.push(`${use === 'backup' ? 'backup' : 'stopped'}: ${reason}`);
  else if (capped.length > 0)
    parts.push(`at the ${capped.map(({ kind }) => CAP_NAME[kind]).join(' or ')} cap: ${settings.atCap}`);
  return parts.join(', ');
}
