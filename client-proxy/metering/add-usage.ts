import type { WallClock } from '../../shared/runtime/clock.ts';
import { type CapWarning, Meter } from './meter.ts';
import type { Plan } from './plan.ts';
import { boundedUsage, updateUsageFile } from './usage-file.ts';
import type { WireBytes } from './wire-counter.ts';

/** How often the file is tried while another program is at it. */
const TRIES = 10;
const TRY_PAUSE_MS = 50;

/**
 * Adds what another program than the client has carried to what is kept of a plan. A client that runs adds its own to it.
 * @returns what is to be said now of its caps; undefined when other programs were at the file all the time
 * @throws FileWriteError
 */
export async function addUsage(
  file: string,
  { name, settings }: Plan,
  { sentBytes, receivedBytes }: WireBytes,
  wallClock: WallClock,
): Promise<readonly CapWarning[] | undefined> {
  let warnings: readonly CapWarning[] = [];
  for (let tries = 0; tries < TRIES; tries++) {
    if (tries > 0) await new Promise((resolve) => setTimeout(resolve, TRY_PAUSE_MS));
    const nowMs = wallClock();
    const isSaved = await updateUsageFile(file, nowMs, (stored) => {
      const meter = new Meter(name, settings, stored.get(name), nowMs);
      warnings = meter.add(sentBytes, receivedBytes, nowMs);
      const { usage } = meter.save(stored.get(name), nowMs);
      return boundedUsage(new Map([...stored, [name, usage]]), new Set([name]));
    });
    if (isSaved) return warnings;
  }
  return undefined;
}
