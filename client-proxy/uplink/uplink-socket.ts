import { Socket } from 'node:net';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { type TimeLimit, withTimeLimit } from '../../shared/runtime/async/time-limit.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { type SubflowTuning, tuneSubflow } from '../../shared/runtime/subflow/subflow-tuning.ts';
import { type ConnectionWatcher, watched } from '../../shared/runtime/tcp/connection-watcher.ts';
import { connectRepeatedly } from './repeated-connect.ts';
import { type OverDescriptor, sizedSocket } from './sized-socket.ts';
import type { Uplink } from './uplink.ts';
import { type AttachmentFinder, connectOverDevice } from './uplink-device.ts';
import { connectFailure } from './uplink-error.ts';
import { connectThroughProxy } from './uplink-proxy.ts';

export interface UplinkConnectOptions extends TimeLimit, SubflowTuning {
  /** Needed to bind to an interface; without it the kernel's figures and some socket options are missing too. */
  readonly native?: NativeSockets | undefined;
  /** Counts what the connection costs on the uplink, also when it fails. */
  readonly wire?: ConnectionWatcher | undefined;
  /** Longest IP packets, both ways; as the path allows where absent. */
  readonly packetBytes?: number | undefined;
  readonly attachment?: AttachmentFinder | undefined;
  /** As `RepeatedConnect.further`, where it is not a proxy that is connected to; none where absent. */
  readonly furtherSyns?: number | undefined;
  /** As `RepeatedConnect.mayTry`. */
  readonly mayTryFurther?: (() => boolean) | undefined;
}

/**
 * Opens a TCP connection to `target` (an IP address; for an uplink through a proxy also a name) over this uplink and no
 * other, with the socket options of a subflow set. Rejects with `UplinkError`.
 */
export async function connectThroughUplink(
  uplink: Uplink,
  target: Destination,
  options: UplinkConnectOptions,
): Promise<Socket> {
  try {
    return await withTimeLimit(`connecting to ${formatDestination(target)}`, options, async (signal) => {
      const socket = await connectBound(uplink, target, signal, options);
      tuneSubflow(socket, options.native, options);
      return socket;
    });
  } catch (error) {
    throw connectFailure(uplink.name, formatDestination(target), error);
  }
}

/** Where the TCP connection of an uplink leads: to the proxy, where it is one. */
export function connectedHost({ binding }: Uplink, target: Destination): string {
  return binding.kind === 'proxy' ? binding.host : target.host;
}

async function connectBound(
  uplink: Uplink,
  target: Destination,
  signal: CancelSignal,
  options: UplinkConnectOptions,
): Promise<Socket> {
  const { native, timeoutMs, wire, attachment, packetBytes } = options;
  const { name, binding } = uplink;
  const limit = { host: connectedHost(uplink, target), packetBytes, native };
  const newSocket = (over?: OverDescriptor) =>
    watched(
      sizedSocket(limit, (descriptor) => new Socket(descriptor), over),
      wire,
    );
  const over = { native, attachment, newSocket };
  if (binding.kind === 'proxy')
    return connectThroughProxy(name, binding, target, timeoutMs, { ...over, signal });
  const connect = (one: CancelSignal) => connectOverDevice(name, binding, target, { ...over, signal: one });
  const { furtherSyns: further = 0, mayTryFurther: mayTry } = options;
  return connectRepeatedly({ connect, further, mayTry, signal });
}
