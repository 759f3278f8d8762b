import { stat } from 'node:fs/promises';
import { readableByOthers } from '../files/private-file.ts';
import type { ReadingService } from './service-group.ts';

/**
 * Says of files with secrets where others can read them, and where the service cannot, and what mends it.
 * @param files each with what it holds. Rejects where one is not there
 */
export async function secretFileProblems(
  files: ReadonlyMap<string, string>,
  service: ReadingService | undefined,
): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [file, secret] of files) {
    const mended =
      service === undefined ? `chmod 600 ${file}` : `chgrp ${service.name} ${file} && chmod 640 ${file}`;
    if (await readableByOthers(file))
      problems.push(`others can read ${file}, which holds ${secret}: ${mended}`);
    else if (service !== undefined && (await isLeftToRoot(file, service.groupId)))
      problems.push(`the service ${service.name} cannot read ${file}: ${mended}`);
  }
  return problems;
}

/** Whether root alone can read it. What belongs to another user is the service's own, or a matter of that user. */
async function isLeftToRoot(file: string, groupId: number): Promise<boolean> {
  const { mode, uid, gid } = await stat(file);
  return uid === 0 && (mode & 0o004) === 0 && (gid !== groupId || (mode & 0o040) === 0);
}
