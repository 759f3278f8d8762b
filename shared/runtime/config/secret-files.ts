import { stat } from 'node:fs/promises';
import { readableByOthers } from '../files/private-file.ts';
import type { ReadingService } from './service-group.ts';

export interface SecretFileProblem {
  readonly problem: string;
  /** A command. */
  readonly remedy: string;
}

/**
 * Says of files with secrets where others can read them, and where the service cannot.
 * @param files each with what it holds. Rejects where one is not there
 */
export async function secretFileProblems(
  files: ReadonlyMap<string, string>,
  service: ReadingService | undefined,
): Promise<readonly SecretFileProblem[]> {
  const problems: SecretFileProblem[] = [];
  for (const [file, secret] of files) {
    const remedy =
      service === undefined ? `chmod 600 ${file}` : `chgrp ${service.name} ${file} && chmod 640 ${file}`;
    if (await readableByOthers(file))
      problems.push({ problem: `others can read ${file}, which holds ${secret}`, remedy });
    else if (service !== undefined && (await isLeftToRoot(file, service.groupId)))
      problems.push({ problem: `the service ${service.name} cannot read ${file}`, remedy });
  }
  return problems;
}

/** Whether root alone can read it. What belongs to another user is the service's own, or a matter of that user. */
async function isLeftToRoot(file: string, groupId: number): Promise<boolean> {
  const { mode, uid, gid } = await stat(file);
  return uid === 0 && (mode & 0o004) === 0 && (gid !== groupId || (mode & 0o040) === 0);
}
