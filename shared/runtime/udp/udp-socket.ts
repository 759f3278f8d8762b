import type { Destination } from '../../protocol/destination.ts';
import type { SocketAddress } from '../kernel/socket-address.ts';

/** What a UDP socket tells. */
export interface UdpHandlers {
  /** A datagram has come. The payload is good until this returns: copy what is kept. */
  onDatagram(payload: Uint8Array, from: SocketAddress): void;
  /** After one or more datagrams: nothing more has come for now. */
  onDatagramsEnd?(): void;
  /** ICMP says that the peer cannot be reached, or the system is in trouble. The socket goes on. @param code `ECONNREFUSED`, ... */
  onError?(code: string): void;
  /** ICMP says that what was sent there has not arrived; told where `tellsUnreachable` asks for it. @param code `ECONNREFUSED`, ... */
  onUnreachable?(to: Destination, code: string): void;
}

/** Hears what became of datagrams that the kernel did not take. */
export interface SendListener {
  /** @param code `EMSGSIZE`: longer than the interface or the way there carries; `ENOBUFS`: no room now; others: cannot be sent there */
  onUnsent(code: string, bytes: number): void;
}

/** A UDP socket of this program. Datagrams that leave in one piece of work go to the kernel together, at its end. */
export interface UdpSocket {
  /** Where it is bound, with the port that the kernel chose. */
  readonly local: Destination;
  /**
   * Sends one datagram, which is `pieces` one after the other; they are copied, or kept until it has left. What the kernel does not
   * take is lost, and told to `listener`.
   * @param to left out for a socket that has a peer
   */
  send(pieces: readonly Uint8Array[], to: SocketAddress | undefined, listener?: SendListener): void;
  /** Without another word. What was sent before still leaves. */
  close(): void;
}

/** How a UDP socket is made. */
export interface UdpSocketOptions {
  readonly family: 4 | 6;
  readonly handlers: UdpHandlers;
  /** An address of this machine; absent: any. */
  readonly host?: string | undefined;
  /** Absent: of the kernel's choice. */
  readonly port?: number | undefined;
  /** A network interface that it is bound to; needs the native calls. */
  readonly interface?: string | undefined;
  /** It hears and reaches this address alone. */
  readonly peer?: SocketAddress | undefined;
  /** Whether other sockets of this user with the same port may be bound beside it, to other addresses. */
  readonly isPortShared?: boolean;
  /** `host` may be an address that is not this machine's, and what is sent comes from there (IP_TRANSPARENT); needs CAP_NET_ADMIN. */
  readonly isForeign?: boolean;
  /** IP does not cut what is sent; what is too long is not sent (EMSGSIZE). */
  readonly isNeverCut?: boolean;
  /** Whether ICMP messages are told with their destinations, of a socket without a peer. Needs the native calls. */
  readonly tellsUnreachable?: boolean;
  readonly onClosed?: () => void;
  /** What the kernel may keep for it in each direction; it may allow less. Absent: as the system likes. */
  readonly bufferBytes?: number | undefined;
}
