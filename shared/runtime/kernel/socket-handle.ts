import { type Server, Socket, type SocketConstructorOpts } from 'node:net';
import type { Destination } from '../../protocol/destination.ts';

/**
 * The only place that uses private parts of `net.Socket`: Node has no public way to the descriptor or the handle. `_handle`
 * has been there since Node 0.x and is null once the socket is destroyed. Where it is missing, the callers work without it.
 */
interface SocketInternals {
  _handle?: {
    readonly fd?: number;
    reading?: boolean;
    readStop?(): number;
    reset?: unknown;
    useUserBuffer?(buffer: Uint8Array): void;
    setBlocking?(on: boolean): number;
    getsockname?(into: { address?: string; port?: number }): number;
  } | null;
}

/** The kernel's descriptor of an open TCP or TLS socket, or of a listening one; undefined once it is closed, or not on POSIX. */
export function descriptorOf(socket: Socket | Server): number | undefined {
  const descriptor = (socket as unknown as SocketInternals)._handle?.fd;
  return descriptor !== undefined && descriptor >= 0 ? descriptor : undefined;
}

/** Whether the connection can be ended so that the other side sees an error; a Unix socket cannot. */
export function canReset(socket: Socket): boolean {
  return typeof (socket as unknown as SocketInternals)._handle?.reset === 'function';
}

/** Has the kernel keep what comes from now on. What came before must have been read, in the same turn of the event loop. */
export function stopReading(socket: Socket): void {
  const handle = (socket as unknown as SocketInternals)._handle;
  socket.removeAllListeners('readable');
  socket.pause();
  if (handle?.readStop === undefined) return;
  handle.reading = false;
  handle.readStop();
}

/** Makes writes to a terminal wait in the program, as those to a pipe do; Node.js lets the program wait, for as long as it is stopped. */
export function neverBlock(terminal: object): void {
  (terminal as SocketInternals)._handle?.setBlocking?.(false);
}

/**
 * Makes a listening server give each connection that it accepts to `take`, as a handle for a socket with options of our own
 * (`new Socket({ handle })`), instead of emitting 'connection' with a socket whose options cannot be chosen.
 *
 * @returns false if this Node has no such handles; the server then emits 'connection' as usual
 */
export function takeAccepted(server: Server, take: (handle: object) => void): boolean {
  const listener = (server as unknown as ServerInternals)._handle;
  const inner = listener?.onconnection;
  if (listener === null || listener === undefined || inner === undefined) return false;
  listener.onconnection = (status, accepted) => {
    if (accepted === undefined) inner.call(listener, status);
    else take(accepted);
  };
  return true;
}

/**
 * Where a connection of ours comes from, also while it is being made; undefined once it is closed. (`localAddress` would keep
 * what it says then, though the next attempt comes from elsewhere.)
 */
export function sourceOf(socket: Socket): Destination | undefined {
  const source: { address?: string; port?: number } = {};
  (socket as unknown as SocketInternals)._handle?.getsockname?.(source);
  const { address: host, port } = source;
  return host === undefined || port === undefined ? undefined : { host, port };
}

/** The address that an accepted connection comes from; undefined when it is gone already. */
export function peerAddressOf(handle: object): string | undefined {
  const peer: { address?: string } = {};
  (handle as AcceptedHandle).getpeername?.(peer);
  return peer.address;
}

/** Ends a connection that was accepted and has no socket yet: with RST, so that nothing of it stays in the kernel. */
export function resetAccepted(handle: object): void {
  const { reset } = handle as AcceptedHandle;
  if (reset?.call(handle, () => {}) !== 0) (handle as AcceptedHandle).close();
}

/** A paused socket for an accepted connection, as `createServer` with `pauseOnConnect` makes it. */
export function socketOf(handle: object): Socket {
  // Node's own Server passes these to the constructor; its type leaves them out.
  const options: SocketConstructorOpts & { handle: object; pauseOnCreate: true } = {
    handle,
    pauseOnCreate: true,
    readable: true,
    writable: true,
  };
  return new Socket(options);
}

interface AcceptedHandle {
  getpeername?(into: { address?: string }): number;
  reset?(onClosed: () => void): number;
  close(): void;
}

/** `status` is libuv's: not 0 when accepting failed, and then there is no connection. */
interface ServerInternals {
  _handle?: { onconnection?: (status: number, accepted?: object) => void } | null;
}

/**
 * Does for a TLS socket over an existing connection what the option `onread` does for other sockets; Node ignores it there.
 * What was read before still comes through `read()`.
 * @returns false if this Node has no such way; use the 'data' events then
 */
export function readThrough(socket: Socket, { buffer, callback }: ReadThrough): boolean {
  const handle = (socket as unknown as SocketInternals)._handle;
  const symbols = new Map(Object.getOwnPropertySymbols(socket).map((symbol) => [symbol.description, symbol]));
  const [current, generator, receiver] = ['kBuffer', 'kBufferGen', 'kBufferCb'].map((name) =>
    symbols.get(name),
  );
  if (!handle?.useUserBuffer || !current || !generator || !receiver) return false;
  const first = buffer();
  Object.assign(socket, { [current]: first, [generator]: buffer, [receiver]: callback });
  handle.useUserBuffer(first);
  return true;
}

/** As in Node's `OnReadOpts`, with a buffer for each read. */
export interface ReadThrough {
  buffer(): Uint8Array;
  /** @returns false to pause the socket */
  callback(length: number): boolean;
}
