import { createSocket, type Socket } from 'node:dgram';
import type { Destination } from '../../protocol/destination.ts';
import type { SocketAddress } from '../kernel/socket-address.ts';
import { PeerTable } from './peer-table.ts';
import type { SendListener, UdpSocket, UdpSocketOptions } from './udp-socket.ts';

/** Datagrams that wait in Node.js for the kernel; further ones are lost. */
const MAX_WAITING_BYTES = 256 * 1024;

/** A UDP socket as Node.js has it: a system call for each datagram. */
export class PlainSocket implements UdpSocket {
  readonly local: Destination;
  readonly #socket: Socket;
  readonly #hasPeer: boolean;
  #isClosed = false;

  /** Rejects with the system's error. */
  static async open(options: UdpSocketOptions): Promise<PlainSocket> {
    const { family, host, port, peer, isPortShared, bufferBytes } = options;
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      reuseAddr: isPortShared === true,
      // Addresses are given as such: what is sent leaves at once.
      lookup: (address, _, found) => found(null, address, family),
    });
    try {
      await done(socket, (resolve) => socket.bind({ address: host, port, exclusive: true }, resolve));
      if (peer !== undefined) {
        await done(socket, (resolve) => socket.connect(peer.port, peer.host, resolve));
      }
    } catch (error) {
      socket.close();
      throw error;
    }
    if (bufferBytes !== undefined) {
      socket.setRecvBufferSize(bufferBytes);
      socket.setSendBufferSize(bufferBytes);
    }
    return new PlainSocket(socket, options);
  }

  private constructor(socket: Socket, { family, handlers, peer, onClosed }: UdpSocketOptions) {
    this.#socket = socket;
    this.#hasPeer = peer !== undefined;
    const { address, port } = socket.address();
    this.local = { host: address, port };
    if (onClosed !== undefined) socket.once('close', onClosed);
    const peers = new PeerTable(family);
    socket.on('message', (message, { address: host, port: from }) => {
      const known = peer ?? peers.named(host, from);
      if (this.#isClosed || known === undefined) return;
      handlers.onDatagram(message, known);
      if (!this.#isClosed) handlers.onDatagramsEnd?.();
    });
    socket.on('error', (error) => {
      if (!this.#isClosed) handlers.onError?.((error as NodeJS.ErrnoException).code ?? 'EIO');
    });
  }

  send(pieces: readonly Uint8Array[], to: SocketAddress | undefined, listener?: SendListener): void {
    if (this.#isClosed) return;
    // What is sent is not copied by Node.js, and the caller's memory may be used again.
    const bytes = Buffer.concat(pieces);
    if (this.#socket.getSendQueueSize() > MAX_WAITING_BYTES) {
      listener?.onUnsent('ENOBUFS', bytes.length);
      return;
    }
    const onDone = (error: Error | null) => {
      if (error !== null) listener?.onUnsent((error as NodeJS.ErrnoException).code ?? 'EIO', bytes.length);
    };
    if (this.#hasPeer || to === undefined) this.#socket.send(bytes, onDone);
    else this.#socket.send(bytes, to.port, to.host, onDone);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
  }
}

function done(socket: Socket, work: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    work(() => {
      socket.off('error', reject);
      resolve();
    });
  });
}
