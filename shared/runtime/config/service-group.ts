import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SYSTEM_DIRECTORY } from './config-search.ts';

/** A service of this system, whose group reads a configuration. */
export interface ReadingService {
  /** Of its group, too. */
  readonly name: string;
  readonly groupId: number;
}

/** The service that reads a configuration; undefined where there is none, as of `serviceGroupId`. */
export async function readingService(
  name: string,
  file: string,
  places: { readonly isRoot: boolean },
): Promise<ReadingService | undefined> {
  const groupId = await serviceGroupId(name, file, places);
  return groupId === undefined ? undefined : { name, groupId };
}

/**
 * The number of the group that is to read a configuration, because a service runs in it: for files that root writes to
 * /etc/tributary, if this system has the group. Undefined otherwise, also where groups come from elsewhere than the system's own list.
 *
 * @param name of the service, its user and its group
 * @param groupFile as group(5) has it
 */
export async function serviceGroupId(
  name: string,
  file: string,
  { isRoot }: { readonly isRoot: boolean },
  groupFile = '/etc/group',
): Promise<number | undefined> {
  if (!isRoot || dirname(file) !== SYSTEM_DIRECTORY) return undefined;
  const text = await readFile(groupFile, 'utf8').catch(() => '');
  for (const line of text.split('\n')) {
    const [group, , id = ''] = line.split(':');
    if (group === name && /^\d{1,10}$/.test(id)) return Number(id);
  }
  return undefined;
}
