import type { Socket } from 'node:net';

/** Sees each connection over an uplink before it connects, so that failed attempts count too. */
export interface ConnectionWatcher {
  watch(socket: Socket): void;
}

/** Shows the socket to the watcher, where there is one, and returns it. */
export function watched(socket: Socket, watcher: ConnectionWatcher | undefined): Socket {
  watcher?.watch(socket);
  return socket;
}
