import { isIP, Socket } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { NativeSocketError, type NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { bindToInterface } from '../../shared/runtime/kernel/socket-options.ts';
import { socketReady } from '../../shared/runtime/tcp/socket-events.ts';
import { sourceFailure } from './uplink-address.ts';
import { UplinkError } from './uplink-error.ts';

/**
 * Connects over one network interface, whatever the routing table prefers; `target.host` is an IP address. `newSocket` makes
 * the socket over a descriptor. `localAddress` is the source address, where it matters.
 */
export async function connectOverInterface(
  uplink: string,
  name: string,
  target: Destination,
  signal: CancelSignal,
  native: NativeSockets | undefined,
  newSocket: NewSocket = (over) => new Socket(over),
  localAddress?: string,
): Promise<Socket> {
  if (native === undefined) {
    throw new UplinkError(
      uplink,
      'networkFailure',
      `binding to interface ${name} needs Linux and the optional dependency koffi; ` +
        'install it (`npm ci --omit=dev --ignore-scripts` in the checkout) or bind the uplink to its source address',
    );
  }
  const socket = openBound(uplink, name, native, isIP(target.host) === 6 ? 6 : 4, newSocket);
  // In the same turn of the event loop: a socket made from a descriptor reads at once, and one that is neither
  // connected nor connecting would fail.
  socket.connect({
    host: target.host,
    port: target.port,
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  try {
    await socketReady(socket, 'connect', signal);
  } catch (error) {
    throw sourceFailure(uplink, localAddress ?? '', error as NodeJS.ErrnoException) ?? error;
  }
  return socket;
}

type NewSocket = (over: { readonly fd: number }) => Socket;

function openBound(
  uplink: string,
  name: string,
  native: NativeSockets,
  family: 4 | 6,
  newSocket: NewSocket,
): Socket {
  const descriptor = native.openTcp(family);
  try {
    bindToInterface(native, descriptor, name);
    return newSocket({ fd: descriptor });
  } catch (error) {
    native.close(descriptor);
    if (!(error instanceof NativeSocketError)) throw error;
    const advice = ADVICE[error.code] ?? `the kernel refuses to bind to interface ${name} (${error.code})`;
    throw new UplinkError(
      uplink,
      'networkFailure',
      advice.replaceAll('$', () => name),
      { cause: error },
    );
  }
}

/** By errno; `$` stands for the interface. */
const ADVICE: Readonly<Record<string, string>> = {
  ENODEV: 'there is no network interface $ now; see `ip link`',
  EINVAL: 'there is no network interface $ now; see `ip link`',
  EPERM:
    'not allowed to bind to interface $ (EPERM); Linux before 5.7 wants CAP_NET_RAW for it: ' +
    'grant it, or bind the uplink to its source address',
};
