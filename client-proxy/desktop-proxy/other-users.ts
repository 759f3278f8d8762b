import { lstat } from 'node:fs/promises';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { runCommand } from '../network/run-command.ts';
import { usualRecordFile } from './proxy-record.ts';

/** A user of this machine who has set a proxy, by the record in the home directory. */
export interface UserWithProxy {
  readonly name: string;
  readonly id: number;
  readonly groupId: number;
}

/** A directory of users may be elsewhere. */
const LIST_LIMITS = { timeoutMs: 10_000, maxOutputBytes: 4 * 1024 * 1024 };
/** For all users together. What removes the program waits for two minutes, in which root has its turn, too. */
const ALL_USERS_MS = 80_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

/**
 * The users, but root, who have set a proxy. The record must be a file of theirs; it is not read. A directory of users that is asked by name
 * alone does not list them: these are not found.
 */
export async function usersWithProxy(): Promise<readonly UserWithProxy[]> {
  const passwd = await runCommand('getent', ['passwd'], LIST_LIMITS);
  const users = [...(passwd?.stdout ?? '').matchAll(/^([^:]+):[^:]*:(\d+):(\d+):[^:]*:(\/[^:]*):/gm)].map(
    ([, name, id, groupId, home]) => ({ name: name!, id: Number(id), groupId: Number(groupId), home: home! }),
  );
  const found: UserWithProxy[] = [];
  for (const { home, ...user } of users) {
    const record = await lstat(usualRecordFile(home)).catch(() => undefined);
    if (user.id !== 0 && record?.isFile() && record.uid === user.id) found.push(user);
  }
  return found;
}

/**
 * Does something for one user after the other. What one leaves of an equal share of the time, the next ones have: a user whose desktop hangs
 * takes none away from them. Resolves to the problems.
 *
 * @param work gets how long it may take, and resolves to why it failed, or undefined
 */
export async function forEachUser(
  users: readonly UserWithProxy[],
  clock: MonotonicClock,
  work: (user: UserWithProxy, timeoutMs: number) => Promise<string | undefined>,
): Promise<readonly string[]> {
  const endMs = clock() + ALL_USERS_MS;
  const failed: string[] = [];
  for (const [i, user] of users.entries()) {
    const shareMs = Math.max(1, Math.floor((endMs - clock()) / (users.length - i)));
    const problem = await work(user, shareMs);
    if (problem !== undefined) failed.push(`for ${user.name}: ${problem}`);
  }
  return failed;
}

/**
 * Runs a command of this program as a user: with the rights of that user alone, without a terminal, and with nothing of root's
 * environment, so that nothing in the home directory can do anything with root's rights. Resolves to why it failed, or undefined.
 */
export async function runAsUser(
  { id, groupId }: UserWithProxy,
  command: readonly string[],
  timeoutMs: number,
): Promise<string | undefined> {
  const asUser = ['--reuid', String(id), '--regid', String(groupId), '--init-groups', '--inh-caps=-all'];
  const args = [
    ...['--wait', 'setpriv', ...asUser, '--no-new-privs', '--reset-env'],
    ...['env', '--chdir=/', `XDG_RUNTIME_DIR=/run/user/${id}`, ...command],
  ];
  try {
    const result = await runCommand('setsid', args, { timeoutMs, maxOutputBytes: MAX_OUTPUT_BYTES });
    if (result === undefined) return 'there is no setsid (util-linux)';
    return result.exitCode === 0 ? undefined : result.stderr.trim().split('\n').at(-1);
  } catch (error) {
    return (error as Error).message;
  }
}
