import { type Destination, formatDestination } from '../../../shared/protocol/destination.ts';
import type { MonotonicClock } from '../../../shared/runtime/clock.ts';
import { type SocketAddress, socketAddress } from '../../../shared/runtime/kernel/socket-address.ts';
import type { UdpSocket } from '../../../shared/runtime/udp/udp-socket.ts';
import type { UdpSockets } from '../../../shared/runtime/udp/udp-sockets.ts';
import type { DatagramCounts } from '../../datagram/datagram-counts.ts';

export interface ReplySocketsOptions {
  readonly sockets: UdpSockets;
  readonly counts: DatagramCounts;
  hasDescriptor(): boolean;
  readonly clock: MonotonicClock;
}

/** At a time. Each is for all applications that hear from one address and port. */
const MAX_SOCKETS = 512;
/** It is opened again when it is needed again. */
const IDLE_MS = 30_000;

interface Reply {
  readonly opening: Promise<UdpSocket>;
  socket: UdpSocket | undefined;
  usedMs: number;
}

/** Sockets that send from the addresses of others: what comes back for an application comes from whom it has written to. */
export class ReplySockets {
  readonly #options: ReplySocketsOptions;
  /** By address, the one that was opened first first. */
  readonly #replies = new Map<string, Reply>();

  constructor(options: ReplySocketsOptions) {
    this.#options = options;
  }

  /** The payload is the caller's again afterwards. */
  send(from: Destination, to: SocketAddress, payload: Uint8Array): void {
    const { counts, clock } = this.#options;
    const reply = this.#replies.get(formatDestination(from)) ?? this.#open(from);
    if (reply === undefined) {
      counts.drop('noRoom');
      return;
    }
    reply.usedMs = clock();
    counts.received.datagrams++;
    counts.received.bytes += payload.length;
    if (reply.socket !== undefined) {
      reply.socket.send([payload], to, this.#unsent);
      return;
    }
    const kept = new Uint8Array(payload);
    reply.opening.then(
      (socket) => socket.send([kept], to, this.#unsent),
      () => counts.drop('noRoom'),
    );
  }

  endIdle(): void {
    const nowMs = this.#options.clock();
    for (const [key, { usedMs }] of this.#replies) if (nowMs - usedMs >= IDLE_MS) this.#close(key);
  }

  close(): void {
    for (const key of [...this.#replies.keys()]) this.#close(key);
  }

  #open(from: Destination): Reply | undefined {
    const { sockets, hasDescriptor } = this.#options;
    const address = socketAddress(from.host, from.port);
    if (address === undefined || !hasDescriptor()) return undefined;
    if (this.#replies.size >= MAX_SOCKETS) {
      const [oldest] = this.#replies.keys();
      this.#close(oldest!);
    }
    const key = formatDestination(from);
    const { family, host, port } = address;
    // What is sent there does not come here: a socket without a peer takes nothing that a TPROXY rule leads elsewhere.
    const opening = sockets.open({ family, host, port, isForeign: true, handlers: { onDatagram() {} } });
    const reply: Reply = { opening, socket: undefined, usedMs: 0 };
    this.#replies.set(key, reply);
    opening.then(
      (socket) => {
        reply.socket = socket;
      },
      () => {
        if (this.#replies.get(key) === reply) this.#replies.delete(key);
      },
    );
    return reply;
  }

  #close(key: string): void {
    const reply = this.#replies.get(key);
    this.#replies.delete(key);
    reply?.opening.then(
      (socket) => socket.close(),
      () => {},
    );
  }

  readonly #unsent = {
    onUnsent: (code: string): void =>
      this.#options.counts.drop(code === 'EMSGSIZE' ? 'tooLong' : 'slowApplication'),
  };
}
