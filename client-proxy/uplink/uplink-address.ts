import { isIP, type Socket } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { socketReady } from '../../shared/runtime/tcp/socket-events.ts';
import { UplinkError } from './uplink-error.ts';

/**
 * Connects a new socket from a source address of this machine. Which interface the packets leave by is the routing table's
 * choice: it wants an `ip rule from <address>` where that matters.
 */
export async function connectFromAddress(
  uplink: string,
  localAddress: string,
  target: Destination,
  signal: CancelSignal,
  socket: Socket,
): Promise<Socket> {
  if (isIP(localAddress) !== isIP(target.host)) {
    throw new UplinkError(
      uplink,
      'networkFailure',
      `bound to ${localAddress}, which cannot reach the other address family of ${target.host}`,
    );
  }
  socket.connect({ host: target.host, port: target.port, localAddress });
  try {
    await socketReady(socket, 'connect', signal);
  } catch (error) {
    throw sourceFailure(uplink, localAddress, error as NodeJS.ErrnoException) ?? error;
  }
  return socket;
}

/** What it means that a socket could not be bound to the address; undefined when something else went wrong. */
export function sourceFailure(
  uplink: string,
  localAddress: string,
  error: NodeJS.ErrnoException,
): UplinkError | undefined {
  if (error.code !== 'EADDRNOTAVAIL' || error.syscall !== 'bind') return undefined;
  return new UplinkError(
    uplink,
    'networkFailure',
    `this machine has no address ${localAddress} now; see \`ip address\`, or bind the uplink to its interface`,
    { cause: error },
  );
}
