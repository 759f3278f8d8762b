import type { Server } from 'node:net';
import { formatDestination } from '../../protocol/destination.ts';
import { isLoopback } from '../address/special-ranges.ts';
import {
  type ListenAddress,
  type ListenAdvice,
  type ListenOptions,
  listen,
  startListening,
} from './tcp-listener.ts';
import { formatUnixAddress, listenAtPath, type UnixAddress } from './unix-listener.ts';

/** A listening socket that another program has made and handed over. */
export interface InheritedSocket {
  readonly descriptor: number;
  /** What the other program calls it. */
  readonly name: string;
}

/** Where a server listens, or is to. */
export type ListenPoint = ListenAddress | UnixAddress | InheritedSocket;

/** As in the configuration and in logs. */
export function formatListenPoint(point: ListenPoint): string {
  if ('path' in point) return formatUnixAddress(point);
  return 'descriptor' in point ? `systemd:${point.name}` : formatDestination(point);
}

/** Whether only this machine can connect, as far as that can be told. */
export function isLocalPoint(point: ListenPoint): boolean {
  if ('path' in point) return true;
  // One that has no address even when it listens is a Unix socket.
  return 'descriptor' in point || isLoopback(point.host);
}

/** Starts a server as `listen` does, at any point. Resolves with where it listens, as far as the kernel says. */
export async function listenAt(
  server: Server,
  point: ListenPoint,
  options: ListenOptions,
  onError: (error: Error) => void,
): Promise<ListenPoint> {
  if ('path' in point) {
    await listenAtPath(server, point, options, onError);
    return point;
  }
  if (!('descriptor' in point)) return listen(server, point, options, onError);
  const named = { ...options, address: formatListenPoint(point), advice: INHERITED_ADVICE };
  await startListening(server, { fd: point.descriptor }, named, onError);
  const address = server.address();
  return address === null || typeof address === 'string'
    ? point
    : { host: address.address, port: address.port };
}

const NO_LISTENER =
  'what was handed over is no listening socket for streams; the .socket unit needs ListenStream= and Accept=no';
const INHERITED_ADVICE: ListenAdvice = { EINVAL: NO_LISTENER, ENOTSOCK: NO_LISTENER, EBADF: NO_LISTENER };
