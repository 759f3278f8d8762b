import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import { judgeAddress } from '../../shared/runtime/address/special-ranges.ts';

/** Any: nothing is sent. */
const DISCARD_PORT = 9;

/**
 * The address at which somebody reaches this machine: the one that packets to them leave from, by the routing of the kernel; behind a
 * NAT the configured public one of the same family, if there is any.
 */
export async function reachedAt(address: string, configured: readonly Destination[]): Promise<string> {
  const isV4 = isIPv4(address);
  const socket = createSocket(isV4 ? 'udp4' : 'udp6');
  try {
    socket.connect(DISCARD_PORT, address);
    await once(socket, 'connect');
    const { address: local } = socket.address();
    const isGlobal = (host: string) =>
      judgeAddress(host)?.every(({ special }) => special === undefined) ?? false;
    if (isGlobal(local) || !isGlobal(address)) return local;
    const known = configured
      .map(({ host }) => host)
      .filter((host) => isGlobal(host) && isIPv4(host) === isV4);
    return known[0] ?? local;
  } finally {
    socket.close();
  }
}
