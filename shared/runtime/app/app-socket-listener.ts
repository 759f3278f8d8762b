import { createServer } from 'node:net';
import type { NativeSockets } from '../kernel/native.ts';
import { descriptorOf, peerAddressOf, resetAccepted, takeAccepted } from '../kernel/socket-handle.ts';
import { type ListenPoint, listenAt } from '../tcp/listen-point.ts';
import type { ListenAddress, ListenOptions } from '../tcp/tcp-listener.ts';
import type { AppSocket } from './app-socket.ts';
import type { BlockPool } from './block-pool.ts';
import type { PeerWatch } from './peer-watch.ts';
import { PooledReader } from './pooled-reader.ts';
import { newAppSocket, type PeerCare, TcpAppSocket, WRITE_HIGH_WATER_BYTES } from './tcp-app-socket.ts';

export interface AppSocketPointOptions extends ListenOptions {
  readonly pool: BlockPool;
  /** Without it a reset that arrives together with the last data reads as a clean end (a limit of libuv). */
  readonly native?: NativeSockets | undefined;
  /** Looks after the applications. */
  readonly peers?: PeerWatch | undefined;
  /**
   * Says, once it is known where this listens, how each address that a connection comes from is judged, before anything is read:
   * false resets the connection. Undefined: all may connect.
   */
  admission?(point: ListenPoint): ((address: string) => boolean) | undefined;
  /** It listens, with this descriptor; before the first connection. */
  onListening?(descriptor: number | undefined): void;
  /** A connection was accepted. It is paused and has no handlers yet. The receiver limits how many there are. */
  onSocket(socket: AppSocket): void;
  /** Accepting failed, for example because no descriptors are left. The listener goes on. */
  onError(error: Error): void;
  /** Replaces `takeAccepted` in tests of a Node that has no handles: reads are then plain 'data' events. */
  readonly takeAccepted?: typeof takeAccepted;
}

export interface AppSocketListenerOptions extends ListenAddress, AppSocketPointOptions {}

export interface AppSocketListener {
  /** Where it listens, with the port the kernel chose if 0 was asked for. */
  address(): ListenAddress;
  /** Stops accepting, at once; connections that were accepted stay. */
  close(): void;
}

/** As `AppSocketListener`, at any point. */
export interface AppSocketPoint {
  readonly point: ListenPoint;
  close(): void;
}

/** Listens for applications; rejects with `ListenError`. */
export async function acceptAppSockets(options: AppSocketListenerOptions): Promise<AppSocketListener> {
  const { host, port } = options;
  const { point, close } = await acceptAppSocketsAt({ host, port }, options);
  return { address: () => point as ListenAddress, close };
}

/** Listens for applications at an address, a Unix socket, or a socket that was handed over; rejects with `ListenError`. */
export async function acceptAppSocketsAt(
  at: ListenPoint,
  options: AppSocketPointOptions,
): Promise<AppSocketPoint> {
  const { onSocket, pool, native, peers, takeAccepted: take = takeAccepted } = options;
  const server = createServer({
    allowHalfOpen: true,
    pauseOnConnect: true,
    highWaterMark: WRITE_HIGH_WATER_BYTES,
  });
  const point = await listenAt(server, at, options, options.onError);
  options.onListening?.(descriptorOf(server));
  const admits = options.admission?.(point);
  const care: PeerCare | undefined = peers && { watch: peers, role: 'application', isTcp: 'host' in point };
  server.on('connection', (accepted) => {
    if (admits?.(accepted.remoteAddress ?? '') === false) accepted.destroy();
    else onSocket(new TcpAppSocket(accepted, undefined, native, care));
  });
  take(server, (handle) => {
    if (admits?.(peerAddressOf(handle) ?? '') === false) {
      resetAccepted(handle);
      return;
    }
    const reader = new PooledReader(pool);
    onSocket(new TcpAppSocket(newAppSocket(reader, { handle }), reader, native, care));
  });
  return { point, close: () => void server.close() };
}
