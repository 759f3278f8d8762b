import type { Socket } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import { parseAddress } from '../../shared/runtime/address/ip-address.ts';
import { sourceOf } from '../../shared/runtime/kernel/socket-handle.ts';
import type { ConnectionWatcher } from '../../shared/runtime/tcp/connection-watcher.ts';

/**
 * The client's own connections over its uplinks, by both their ends: so one is known when the packet filter leads it back here.
 * As many as there are open sockets.
 */
export class OwnConnections implements ConnectionWatcher {
  readonly #open = new Set<string>();

  watch(socket: Socket): void {
    // Not only when it is connected: if it was redirected to this process, it is often accepted before that is told. (Node.js
    // before 20.12 does not tell of attempts.)
    socket.on('connectionAttempt', (host: string, port: number) => {
      // The kernel chooses the port when the attempt begins, right after this is told.
      queueMicrotask(() => this.#add(socket, { host, port }));
    });
  }

  /** @param source where the connection comes from */
  has(source: Destination, destination: Destination): boolean {
    return this.#open.size > 0 && this.#open.has(keyOf(source, destination));
  }

  #add(socket: Socket, destination: Destination): void {
    const source = sourceOf(socket);
    if (source === undefined) return;
    const key = keyOf(source, destination);
    this.#open.add(key);
    socket.once('close', () => this.#open.delete(key));
  }
}

function keyOf(...ends: readonly [Destination, Destination]): string {
  // An IPv6 address has many texts.
  return ends
    .map(({ host, port }) => `${parseAddress(host)?.toNormalizedString() ?? host} ${port}`)
    .join(' ');
}
