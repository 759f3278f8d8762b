import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIP, isIPv4 } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import { StreamError } from '../../shared/protocol/errors.ts';
import { judgeAddress } from '../../shared/runtime/address/special-ranges.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';

/** Any: nothing is sent. */
const DISCARD_PORT = 9;

/**
 * The address at which somebody reaches this machine: the one that packets to them leave from, by the routing of the kernel; behind a
 * NAT the configured public one of the same family, if there is any. Where the first of their addresses cannot be reached, the first
 * of the other family counts. Rejects with StreamError (networkFailure).
 *
 * @param addresses of whoever it is; one at least
 */
export async function reachedAt(
  addresses: readonly string[],
  configured: readonly Destination[],
): Promise<string> {
  const families = addresses.map(isIPv4);
  const firsts = addresses.filter((_, index) => families.indexOf(families[index]!) === index);
  const failures: string[] = [];
  for (const address of firsts) {
    try {
      return publicAddress(await leavingFrom(address), address, configured);
    } catch (error) {
      failures.push(`${address}: ${errorWords(error)}`);
    }
  }
  throw new StreamError('networkFailure', `this machine has no way to ${failures.join('; ')}`);
}

/** For a question to the kernel's routing table alone (RFC 5737, RFC 3849). */
const SOMEBODY = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;

/**
 * The address of a family at which everybody reaches this machine: the configured public one, or else the one that packets to the
 * Internet leave from. Rejects with StreamError (networkFailure).
 */
export async function reachedByAll(family: 4 | 6, configured: readonly Destination[]): Promise<string> {
  const known = configured.find(({ host }) => isIP(host) === family);
  return known?.host ?? reachedAt([SOMEBODY[family]], configured);
}

/** The address that packets to another one leave from. Rejects with the system's error where there is no route. */
async function leavingFrom(address: string): Promise<string> {
  const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6');
  try {
    socket.connect(DISCARD_PORT, address);
    await once(socket, 'connect');
    return socket.address().address;
  } finally {
    socket.close();
  }
}

function publicAddress(local: string, remote: string, configured: readonly Destination[]): string {
  if (isGlobal(local) || !isGlobal(remote)) return local;
  const known = configured.find(({ host }) => isGlobal(host) && isIPv4(host) === isIPv4(remote));
  return known?.host ?? local;
}

function isGlobal(host: string): boolean {
  return judgeAddress(host)?.every(({ special }) => special === undefined) ?? false;
}
