import { rename } from 'node:fs/promises';
import * as z from 'zod';
import { FileLockedError, withFileLock } from '../../shared/runtime/files/file-lock.ts';
import { FileWriteError, fileExists, writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { damagedName } from '../../shared/runtime/files/state-file.ts';
import type { UplinkUsage } from './usage.ts';

/** The name of the file in the state directory. */
export const USAGE_FILE_NAME = 'metered-usage.json';

/** By plan; an uplink without one is kept by its own name. */
export type StoredUsage = ReadonlyMap<string, UplinkUsage>;

export type UsageRead =
  | { readonly kind: 'read'; readonly usage: StoredUsage }
  | { readonly kind: 'absent' }
  /** It is there, and is not what this program writes. */
  | { readonly kind: 'damaged'; readonly problem: string }
  /** It is there, and this user may not read it. */
  | { readonly kind: 'forbidden'; readonly problem: string };

/** Reads the usage of all metered uplinks; changes nothing. */
export async function readUsageFile(file: string): Promise<UsageRead> {
  const read = await readTextFile(file, MAX_FILE_BYTES);
  if ('problem' in read) {
    const { problem } = read;
    if (read.isForbidden) return { kind: 'forbidden', problem };
    // A link that leads nowhere is there.
    const isThere = await fileExists(file).catch(() => true);
    return isThere ? { kind: 'damaged', problem } : { kind: 'absent' };
  }
  const parsed = FILE.safeParse(jsonOf(read.text));
  if (!parsed.success) return { kind: 'damaged', problem: `${file} does not hold the usage of uplinks` };
  return { kind: 'read', usage: new Map(Object.entries(parsed.data.uplinks)) };
}

/**
 * Replaces what the file holds by what `update` makes of it, in one step, while no other program can. A damaged file is moved out
 * of the way first; one that this user may not read stays, with what it holds.
 * @param nowMs milliseconds since 1970, to tell a lock that a dead program left
 * @returns false when another program is at it just now
 * @throws FileWriteError
 */
export async function updateUsageFile(
  file: string,
  nowMs: number,
  update: (stored: StoredUsage) => StoredUsage,
): Promise<boolean> {
  try {
    await withFileLock(file, { wallClock: () => nowMs, waitMs: 0 }, async (lock) => {
      const read = await readUsageFile(file);
      if (read.kind === 'forbidden') throw new FileWriteError(read.problem);
      if (read.kind === 'damaged') await rename(file, damagedName(file));
      const uplinks = Object.fromEntries(update(read.kind === 'read' ? read.usage : new Map()));
      const text = `${JSON.stringify(FILE.encode({ version: 1, uplinks }), null, 2)}\n`;
      await lock.confirm();
      await writePrivateFile(file, text, { overwrite: true });
    });
    return true;
  } catch (error) {
    if (error instanceof FileLockedError) return false;
    throw error;
  }
}

/**
 * So much of the usage as the file takes, with that of these plans. Those of earlier configurations stay as long as there is room:
 * those whose month is over go first.
 */
export function boundedUsage(usage: StoredUsage, own: ReadonlySet<string>): StoredUsage {
  const others = [...usage].filter(([name]) => !own.has(name));
  others.sort(([, a], [, b]) => a.month.endMs - b.month.endMs);
  const bounded = new Map(usage);
  for (const [name] of others.slice(0, Math.max(0, usage.size - MAX_STORED_UPLINKS))) bounded.delete(name);
  return bounded;
}

/** Most uplinks that the file holds, those of earlier configurations included. */
export const MAX_STORED_UPLINKS = 64;
/** A plan that was given no name has what its entry in the configuration says. */
const MAX_NAME_LENGTH = 128;
const MAX_FILE_BYTES = 256 * 1024;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const bytes = z.int().min(0);
const instant = z.codec(z.iso.datetime(), z.int(), {
  decode: (text) => Date.parse(text),
  encode: (ms) => new Date(ms).toISOString(),
});
const period = z
  .codec(
    z.strictObject({
      from: instant,
      until: instant,
      sentBytes: bytes,
      receivedBytes: bytes,
      warned: z.boolean(),
    }),
    z.object({
      startMs: z.int(),
      endMs: z.int(),
      sentBytes: bytes,
      receivedBytes: bytes,
      isWarned: z.boolean(),
    }),
    {
      decode: ({ from, until, warned, ...counts }) => ({
        startMs: from,
        endMs: until,
        ...counts,
        isWarned: warned,
      }),
      encode: ({ startMs, endMs, isWarned, ...counts }) => ({
        from: startMs,
        until: endMs,
        ...counts,
        warned: isWarned,
      }),
    },
  )
  .refine(({ startMs, endMs }) => startMs < endMs);
const FILE = z.strictObject({
  version: z.literal(1),
  uplinks: z
    .record(z.string().min(1).max(MAX_NAME_LENGTH), z.strictObject({ day: period, month: period }))
    .refine((uplinks) => Object.keys(uplinks).length <= MAX_STORED_UPLINKS),
});
