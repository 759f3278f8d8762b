import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';

/** Of /proc/net/tcp: the state of a listening socket. */
const LISTEN = '0A';

/**
 * The user whose program listens at one of these addresses; undefined where nobody does, or several users do.
 *
 * @param read replaces the kernel's tables in tests
 */
export async function listeningUser(
  points: readonly Destination[],
  read: (file: string) => Promise<string> = (file) => readFile(file, 'latin1'),
): Promise<number | undefined> {
  const users = new Set<number>();
  for (const [file, family] of [
    ['/proc/net/tcp', 4],
    ['/proc/net/tcp6', 6],
  ] as const) {
    const ports = points.filter(({ host }) => isIPv6(host) === (family === 6)).map(({ port }) => port);
    const table = await read(file).catch(() => '');
    for (const line of table.split('\n').slice(1)) {
      const [, local = '', , state, , , , user] = line.trim().split(/\s+/);
      const port = Number.parseInt(local.split(':')[1] ?? '', 16);
      if (state === LISTEN && ports.includes(port)) users.add(Number(user));
    }
  }
  const [user] = users;
  return users.size === 1 ? user : undefined;
}
