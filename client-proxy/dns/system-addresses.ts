import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { runCommand } from '../network/run-command.ts';

/** As long as name servers are asked by ourselves. */
const LIMITS = { timeoutMs: 5_000, maxOutputBytes: 64 * 1024 };

/**
 * The addresses of a name as the system knows it, by whatever /etc/nsswitch.conf says: `getent`, which can be killed. A thread in
 * getaddrinfo(3) cannot, and would hold up the end of this program for as long as name servers are silent. It does the work
 * where there is no `getent`. Rejects with Node's error.
 */
export async function systemAddresses(name: string): Promise<readonly string[]> {
  const result = await runCommand('getent', ['ahosts', name], LIMITS);
  if (result === undefined) return (await lookup(name, { all: true })).map(({ address }) => address);
  const addresses = result.stdout.split('\n').map((line) => line.split(/\s+/, 1)[0] ?? '');
  return [...new Set(addresses)].filter((address) => isIP(address) !== 0);
}
