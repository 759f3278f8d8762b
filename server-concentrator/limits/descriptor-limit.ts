import { readFile } from 'node:fs/promises';

/** Where it cannot be read: what other systems allow a process at least. */
const ASSUMED_LIMIT = 4_096;
/** Linux tells `unlimited` for none at all. */
const MAX_OPEN_FILES = /^Max open files\s+(\d+)/m;

/** How many descriptors this process may have. Node has raised its soft limit to the hard one by then. */
export async function descriptorLimit(path = '/proc/self/limits'): Promise<number> {
  const text = await readFile(path, 'latin1').catch(() => '');
  return Number(MAX_OPEN_FILES.exec(text)?.[1] ?? ASSUMED_LIMIT);
}
