import type { Socket } from 'node:net';

/** Sees each connection over an uplink before it connects, so that failed attempts count too. */
export interface ConnectionWatcher {
  watch(socket: Socket): void;
}

/** Shows each socket to all of these. */
export function allOf(...watchers: readonly (ConnectionWatcher | undefined)[]): ConnectionWatcher {
  return {
    watch(socket) {
      for (const watcher of watchers) watcher?.watch(socket);
    },
  };
}

/** Shows the socket to the watcher, where there is one, and returns it. */
export function watched(socket: Socket, watcher: ConnectionWatcher | undefined): Socket {
  watcher?.watch(socket);
  return socket;
}
