import type { Socket } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { NativeSocketError, type NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { DeviceBinding } from './uplink.ts';
import { connectFromAddress } from './uplink-address.ts';
import { connectOverInterface } from './uplink-interface.ts';

/** What a socket is bound to before it connects: an interface, a source address, or both. */
export interface Attachment {
  readonly interface?: string;
  readonly address?: string;
}

/** What a socket to `host` must be bound to so that it goes the way of the binding, as the kernel routes now. */
export type AttachmentFinder = (binding: DeviceBinding, host: string) => Attachment;

export interface DeviceConnectOptions {
  readonly signal: CancelSignal;
  /** Needed to bind to an interface. */
  readonly native: NativeSockets | undefined;
  /** Absent: to what the binding says, and nothing else. */
  readonly attachment?: AttachmentFinder | undefined;
  /** Makes the socket, over a descriptor where there is one. */
  newSocket(over?: { readonly fd: number }): Socket;
}

/** Connects over an interface, or from a source address; `target.host` is an IP address. Rejects as the two ways of binding do. */
export async function connectOverDevice(
  uplink: string,
  binding: DeviceBinding,
  target: Destination,
  { signal, native, attachment, newSocket }: DeviceConnectOptions,
): Promise<Socket> {
  const attached = attachment?.(binding, target.host);
  if (binding.kind === 'interface') {
    const source = attached?.address;
    return connectOverInterface(uplink, binding.interface, target, signal, native, newSocket, source);
  }
  const { address } = binding;
  const device = attached?.interface;
  if (device !== undefined && native !== undefined) {
    try {
      return await connectOverInterface(uplink, device, target, signal, native, newSocket, address);
    } catch (error) {
      // Linux before 5.7 may not allow it: the routing table has to do.
      if (!((error as Error).cause instanceof NativeSocketError)) throw error;
    }
  }
  return connectFromAddress(uplink, address, target, signal, newSocket());
}
