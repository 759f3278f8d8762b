import { isIP } from 'node:net';
import { MisuseError } from '../../protocol/errors.ts';
import type { CancelSignal } from '../async/cancellation.ts';
import type { NativeSockets } from '../kernel/native.ts';
import { type ConnectionWatcher, watched } from '../tcp/connection-watcher.ts';
import { socketReady } from '../tcp/socket-events.ts';
import type { AppSocket } from './app-socket.ts';
import type { BlockPool } from './block-pool.ts';
import type { PeerWatch } from './peer-watch.ts';
import { PooledReader } from './pooled-reader.ts';
import { newAppSocket, TcpAppSocket } from './tcp-app-socket.ts';

export interface AppSocketTarget {
  /** An IP address: names are resolved, and checked against the egress policy, before this. */
  readonly host: string;
  readonly port: number;
  /** Looks after the origin. */
  readonly peers?: PeerWatch | undefined;
  readonly pool: BlockPool;
  /** Without it a reset that arrives together with the last data reads as a clean end (a limit of libuv). */
  readonly native?: NativeSockets | undefined;
  /** Counts what the connection costs on an uplink, even if it fails. */
  readonly wire?: ConnectionWatcher | undefined;
  /** Ends the attempt. There is no other time limit. */
  readonly signal: CancelSignal;
}

/**
 * Opens a TCP connection to an origin. It is paused and has no handlers yet. Rejects with Node's own error
 * (`ECONNREFUSED`, `ENETUNREACH`, ...), or with the signal's reason.
 */
export async function connectAppSocket(target: AppSocketTarget): Promise<AppSocket> {
  const { host, port, peers, pool, native, wire, signal } = target;
  if (isIP(host) === 0) throw new MisuseError(`connectAppSocket wants an IP address, not ${host}`);
  signal.throwIfAborted();
  const reader = new PooledReader(pool);
  const socket = watched(newAppSocket(reader), wire);
  // Before it connects: otherwise it starts to read at once.
  socket.pause();
  socket.connect({ host, port });
  await socketReady(socket, 'connect', signal);
  return new TcpAppSocket(socket, reader, native, peers && { watch: peers, role: 'origin' });
}

/** The same to a service of this machine, by its Unix socket. What only TCP has (keep-alives, resets) is not there. */
export async function connectUnixSocket({
  path,
  pool,
  signal,
}: { readonly path: string } & Pick<AppSocketTarget, 'pool' | 'signal'>): Promise<AppSocket> {
  signal.throwIfAborted();
  const reader = new PooledReader(pool);
  const socket = newAppSocket(reader);
  socket.pause();
  socket.connect({ path });
  await socketReady(socket, 'connect', signal);
  return new TcpAppSocket(socket, reader, undefined, undefined);
}
