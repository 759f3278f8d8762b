import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { BlockPool } from '../../shared/runtime/app/block-pool.ts';
import type { PeerWatch } from '../../shared/runtime/app/peer-watch.ts';
import { PooledReader } from '../../shared/runtime/app/pooled-reader.ts';
import { newAppSocket, type PeerCare, TcpAppSocket } from '../../shared/runtime/app/tcp-app-socket.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { type ConnectionWatcher, watched } from '../../shared/runtime/tcp/connection-watcher.ts';
import { type OverDescriptor, sizedSocket } from './sized-socket.ts';
import type { Uplink } from './uplink.ts';
import { type AttachmentFinder, connectOverDevice } from './uplink-device.ts';
import { connectThroughProxy } from './uplink-proxy.ts';

export interface UplinkAppSocketOptions {
  readonly pool: BlockPool;
  /** Looks after the origin. */
  readonly peers?: PeerWatch | undefined;
  /** Needed to bind to an interface. */
  readonly native?: NativeSockets | undefined;
  /** Counts what the connection costs on the uplink, also when it fails. */
  readonly wire?: ConnectionWatcher | undefined;
  readonly attachment?: AttachmentFinder | undefined;
  /** Longest IP packets, both ways; as the path allows where absent. */
  readonly packetBytes?: number | undefined;
  /** Ends the attempt. */
  readonly signal: CancelSignal;
  /** The limit that the signal keeps. */
  readonly timeoutMs: number;
}

/**
 * Opens a TCP connection to an origin over this uplink and no other; it comes paused and without handlers. `target.host` is
 * an IP address, or, for an uplink that is a proxy, anything that the proxy resolves. Rejects with `UplinkError`, with
 * Node's own error, or with the signal's reason.
 */
export async function connectAppSocketThroughUplink(
  { name, binding }: Uplink,
  target: Destination,
  options: UplinkAppSocketOptions,
): Promise<AppSocket> {
  const { pool, peers, native, wire, signal, timeoutMs, attachment, packetBytes } = options;
  const care: PeerCare | undefined = peers && { watch: peers, role: 'origin' };
  if (binding.kind === 'proxy') {
    const newSocket = (over?: OverDescriptor) => watched(new Socket({ ...over, allowHalfOpen: true }), wire);
    const toProxy = { signal, native, attachment, newSocket };
    const socket = await connectThroughProxy(name, binding, target, timeoutMs, toProxy);
    await holdBack(socket);
    return new TcpAppSocket(socket, undefined, native, care);
  }
  const reader = new PooledReader(pool);
  const limit = { host: target.host, packetBytes, native };
  const newSocket = (over?: OverDescriptor) =>
    watched(
      sizedSocket(limit, (descriptor) => newAppSocket(reader, descriptor).pause(), over),
      wire,
    );
  const socket = await connectOverDevice(name, binding, target, { signal, native, attachment, newSocket });
  return new TcpAppSocket(socket, reader, native, care);
}

/**
 * The SOCKS library lets the socket flow in the turn after the negotiation, having emitted what it has read ahead: an origin
 * that speaks first may be in that. Both are caught here and put back.
 */
async function holdBack(socket: Socket): Promise<void> {
  const putBack = (bytes: Buffer) => {
    socket.pause();
    socket.unshift(bytes);
  };
  socket.on('data', putBack);
  const stop = () => socket.pause();
  socket.once('resume', stop);
  await once(socket, 'resume');
  socket.off('data', putBack);
}
