import { isIP } from 'node:net';
import { MisuseError } from '../../protocol/errors.ts';
import type { CancelSignal } from '../async/cancellation.ts';
import type { NativeSockets } from '../kernel/native.ts';
import { type ConnectionWatcher, watched } from '../tcp/connection-watcher.ts';
import { socketReady } from '../tcp/socket-events.ts';
import type { AppSocket } from './app-socket.ts';
import type { BlockPool } from './block-pool.ts';
import { PooledReader } from './pooled-reader.ts';
import { newAppSocket, TcpAppSocket } from './tcp-app-socket.ts';

export interface AppSocketTarget {
  /** An IP address: names are resolved, and checked against the egress policy, before this. */
  readonly host: string;
  readonly port: number;
  /** The address to send from. */
  readonly localAddress?: string | undefined;
  /** The kernel asks an idle peer after this long whether it is still there; never when absent. */
  readonly keepAliveMs?: number | undefined;
  readonly pool: BlockPool;
  /** Without it a reset that arrives together with the last data reads as a clean end (a limit of libuv). */
  readonly native?: NativeSockets | undefined;
  /** Counts what the connection costs on an uplink, also when it fails. */
  readonly wire?: ConnectionWatcher | undefined;
  /** Ends the attempt, which has no time limit of its own. */
  readonly signal: CancelSignal;
}

/**
 * Opens a TCP connection to an origin; it comes paused and without handlers. Rejects with Node's own error
 * (`ECONNREFUSED`, `ENETUNREACH`, ...), or with the signal's reason.
 */
export async function connectAppSocket(target: AppSocketTarget): Promise<AppSocket> {
  const { host, port, localAddress, keepAliveMs, pool, native, wire, signal } = target;
  if (isIP(host) === 0) throw new MisuseError(`connectAppSocket wants an IP address, not ${host}`);
  signal.throwIfAborted();
  const reader = new PooledReader(pool);
  const socket = watched(newAppSocket(reader), wire);
  // Before it connects, or it would start to read at once.
  socket.pause();
  socket.connect(localAddress === undefined ? { host, port } : { host, port, localAddress });
  await socketReady(socket, 'connect', signal);
  if (keepAliveMs !== undefined) socket.setKeepAlive(true, keepAliveMs);
  return new TcpAppSocket(socket, reader, native);
}
