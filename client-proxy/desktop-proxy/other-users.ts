import { lstat } from 'node:fs/promises';
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
/** As long as the tools of desktops may take. */
const RUN_LIMITS = { timeoutMs: 90_000, maxOutputBytes: 64 * 1024 };

/** The users, but root, who have set a proxy. The record must be a file of theirs; it is not read. */
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
 * Runs a command of this program as a user: with the rights of that user alone, without a terminal, and with nothing of root's
 * environment, so that nothing in the home directory can do anything with root's rights. Resolves to why it failed, or undefined.
 */
export async function runAsUser(
  { id, groupId }: UserWithProxy,
  command: readonly string[],
): Promise<string | undefined> {
  const asUser = ['--reuid', String(id), '--regid', String(groupId), '--init-groups', '--inh-caps=-all'];
  const args = [
    ...['--wait', 'setpriv', ...asUser, '--no-new-privs', '--reset-env'],
    ...['env', '--chdir=/', `XDG_RUNTIME_DIR=/run/user/${id}`, ...command],
  ];
  try {
    const result = await runCommand('setsid', args, RUN_LIMITS);
    if (result === undefined) return 'there is no setsid (util-linux)';
    return result.exitCode === 0 ? undefined : result.stderr.trim().split('\n').at(-1);
  } catch (error) {
    return (error as Error).message;
  }
}
