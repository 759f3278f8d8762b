import { createServer } from 'node:net';
import type { NativeSockets } from '../kernel/native.ts';
import { descriptorOf, takeAccepted } from '../kernel/socket-handle.ts';
import { type ListenAddress, type ListenOptions, listen } from '../tcp/tcp-listener.ts';
import type { AppSocket } from './app-socket.ts';
import type { BlockPool } from './block-pool.ts';
import type { PeerWatch } from './peer-watch.ts';
import { PooledReader } from './pooled-reader.ts';
import { newAppSocket, type PeerCare, TcpAppSocket, WRITE_HIGH_WATER_BYTES } from './tcp-app-socket.ts';

export interface AppSocketListenerOptions extends ListenAddress, ListenOptions {
  readonly pool: BlockPool;
  /** Without it a reset that arrives together with the last data reads as a clean end (a limit of libuv). */
  readonly native?: NativeSockets | undefined;
  /** Looks after the applications. */
  readonly peers?: PeerWatch | undefined;
  /** It listens, with this descriptor; before the first connection. */
  onListening?(descriptor: number | undefined): void;
  /** A connection was accepted. It is paused and has no handlers yet. The receiver limits how many there are. */
  onSocket(socket: AppSocket): void;
  /** Accepting failed, for example because no descriptors are left. The listener goes on. */
  onError(error: Error): void;
  /** Replaces `takeAccepted` in tests of a Node that has no handles: reads are then plain 'data' events. */
  readonly takeAccepted?: typeof takeAccepted;
}

export interface AppSocketListener {
  /** Where it listens, with the port the kernel chose if 0 was asked for. */
  address(): ListenAddress;
  /** Stops accepting, at once; connections that were accepted stay. */
  close(): void;
}

/** Listens for applications; rejects with `ListenError`. */
export async function acceptAppSockets(options: AppSocketListenerOptions): Promise<AppSocketListener> {
  const { onSocket, pool, native, peers, takeAccepted: take = takeAccepted } = options;
  const care: PeerCare | undefined = peers && { watch: peers, role: 'application' };
  const server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true, highWaterMark: WRITE_HIGH_WATER_BYTES },
    (accepted) => onSocket(new TcpAppSocket(accepted, undefined, native, care)),
  );
  const address = await listen(server, options, options, options.onError);
  options.onListening?.(descriptorOf(server));
  take(server, (handle) => {
    const reader = new PooledReader(pool);
    onSocket(new TcpAppSocket(newAppSocket(reader, { handle }), reader, native, care));
  });
  return { address: () => address, close: () => void server.close() };
}
