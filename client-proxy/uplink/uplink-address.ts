import { isIP, Socket } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { socketReady } from '../../shared/runtime/tcp/socket-events.ts';
import { UplinkError } from './uplink-error.ts';

/**
 * Connects from a source address of this machine. Which interface the packets leave by is the routing table's
 * choice: it wants an `ip rule from <address>` where that matters. `newSocket` makes the socket, not connected.
 */
export async function connectFromAddress(
  uplink: string,
  localAddress: string,
  target: Destination,
  signal: CancelSignal,
  newSocket: () => Socket = () => new Socket(),
): Promise<Socket> {
  if (isIP(localAddress) !== isIP(target.host)) {
    throw new UplinkError(
      uplink,
      'networkFailure',
      `bound to ${localAddress}, which cannot reach the other address family of ${target.host}`,
    );
  }
  const socket = newSocket();
  socket.connect({ host: target.host, port: target.port, localAddress });
  try {
    await socketReady(socket, 'connect', signal);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRNOTAVAIL' || syscall !== 'bind') throw error;
    throw new UplinkError(
      uplink,
      'networkFailure',
      `this machine has no address ${localAddress} now; see \`ip address\`, or bind the uplink to its interface`,
      { cause: error },
    );
  }
  return socket;
}
