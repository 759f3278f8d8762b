import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Destination } from '../../protocol/destination.ts';
import type { MessageCalls, NativeSockets } from '../kernel/native.ts';
import type { SocketAddress } from '../kernel/socket-address.ts';
import { takeUdpErrors } from '../kernel/udp-errors.ts';
import { PeerTable } from './peer-table.ts';
import { MAX_DATAGRAMS, type ReceiveBatch } from './receive-batch.ts';
import type { SendBatch } from './send-batch.ts';
import type { SendListener, UdpHandlers, UdpSocket, UdpSocketOptions } from './udp-socket.ts';

/** What the batched sockets of a program share. */
export interface Batches {
  readonly calls: MessageCalls;
  readonly sending: SendBatch;
  readonly receiving: ReceiveBatch;
  readonly native: NativeSockets;
  /** Sockets that tell what ICMP says, by descriptor: to be called when an error was taken from one of them. */
  readonly telling: Map<number, () => void>;
}

/** What one socket may read before the other sockets of the program have their turn. */
const MAX_DATAGRAMS_A_TURN = 512;

/**
 * A UDP socket that is written, and mostly read, many datagrams a system call. Node.js tells when something has come, by reading the
 * first datagram; what has come with it is read from here.
 */
export class BatchedSocket implements UdpSocket {
  readonly local: Destination;
  readonly #descriptor: number;
  readonly #batches: Batches;
  readonly #handlers: UdpHandlers;
  readonly #peer: SocketAddress | undefined;
  readonly #peers: PeerTable;
  readonly #socket: Socket;
  #left = MAX_DATAGRAMS_A_TURN;
  #isClosed = false;

  /** Makes it of a bound descriptor, which it owns from now on. */
  static open(descriptor: number, options: UdpSocketOptions, batches: Batches): Promise<BatchedSocket> {
    const socket = createSocket(options.family === 4 ? 'udp4' : 'udp6');
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ fd: descriptor, exclusive: true }, () => {
        socket.off('error', reject);
        resolve(new BatchedSocket(descriptor, socket, options, batches));
      });
    });
  }

  private constructor(
    descriptor: number,
    socket: Socket,
    { family, handlers, peer, tellsUnreachable = false, onClosed }: UdpSocketOptions,
    batches: Batches,
  ) {
    this.#descriptor = descriptor;
    this.#socket = socket;
    this.#handlers = handlers;
    this.#peer = peer;
    this.#peers = new PeerTable(family);
    this.#batches = batches;
    const { address, port } = socket.address();
    this.local = { host: address, port };
    if (tellsUnreachable) batches.telling.set(descriptor, () => this.#tellUnreachable());
    if (onClosed !== undefined) socket.once('close', onClosed);
    socket.on('message', (message, from) => this.#onMessage(message, from));
    socket.on('error', (error) => this.#onError((error as NodeJS.ErrnoException).code ?? 'EIO'));
  }

  send(pieces: readonly Uint8Array[], to: SocketAddress | undefined, listener?: SendListener): void {
    if (!this.#isClosed) this.#batches.sending.add(this.#descriptor, pieces, to, listener);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // The descriptor may be another socket's as soon as it is closed.
    this.#batches.sending.flush();
    this.#batches.telling.delete(this.#descriptor);
    this.#socket.close();
  }

  #onMessage(message: Uint8Array, { address, port }: RemoteInfo): void {
    if (this.#isClosed) return;
    if (this.#left === MAX_DATAGRAMS_A_TURN) setImmediate(this.#onTurnEnd);
    const from = this.#peer ?? this.#peers.named(address, port);
    if (from !== undefined) this.#handlers.onDatagram(message, from);
    let count = MAX_DATAGRAMS;
    for (this.#left--; count === MAX_DATAGRAMS && this.#left > 0 && !this.#isClosed; this.#left -= count) {
      count = this.#receive();
    }
    if (!this.#isClosed) this.#handlers.onDatagramsEnd?.();
  }

  readonly #onTurnEnd = (): void => {
    this.#left = MAX_DATAGRAMS_A_TURN;
  };

  #receive(): number {
    const { receiving } = this.#batches;
    const count = receiving.receive(this.#descriptor);
    for (let i = 0; i < count && !this.#isClosed; i++) {
      const from = this.#peer ?? this.#peers.of(receiving.headers, i);
      this.#handlers.onDatagram(receiving.payload(i), from);
    }
    // An error that waited on the socket, if it is one, has been told to nobody else.
    if (count < 0) this.#batches.telling.get(this.#descriptor)?.();
    return Math.max(0, count);
  }

  #onError(code: string): void {
    if (this.#isClosed) return;
    this.#batches.telling.get(this.#descriptor)?.();
    this.#handlers.onError?.(code);
  }

  /** All that waits is taken: as long as something does, the process is woken up for it again and again. */
  #tellUnreachable(): void {
    for (const { code, ...to } of takeUdpErrors(this.#batches.native, this.#descriptor)) {
      if (!this.#isClosed) this.#handlers.onUnreachable?.(to, code);
    }
  }
}
