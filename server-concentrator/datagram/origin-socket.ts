import type { Destination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import { errnoName } from '../../shared/runtime/app/origin-failure.ts';
import type { SocketAddress } from '../../shared/runtime/kernel/socket-address.ts';
import { Slab } from '../../shared/runtime/udp/slab.ts';
import type { SendListener, UdpSocket } from '../../shared/runtime/udp/udp-socket.ts';
import type { UdpSockets } from '../../shared/runtime/udp/udp-sockets.ts';

/** Why the kernel did not take a datagram. */
export type SendDrop = 'busy' | 'too-long' | 'send-failed';

export interface OriginSocketHandlers {
  /** The payload is the receiver's. */
  onDatagram(payload: Uint8Array, from: Destination): void;
  /** Nothing can be sent there, by this machine or by what an ICMP message said. */
  onUnreachable(to: Destination, error: ErrorName): void;
  onDropped(reason: SendDrop): void;
}

/** The UDP socket of an association in one address family. It receives from everywhere: who may send is for the caller to say. */
export class OriginSocket {
  readonly #socket: UdpSocket;
  readonly #onClosed: () => void;

  /** Rejects with the system's error. @param onClosed called once, when it is closed */
  static async open(
    sockets: UdpSockets,
    family: 4 | 6,
    handlers: OriginSocketHandlers,
    onClosed: () => void,
  ): Promise<OriginSocket> {
    const { onDatagram, onUnreachable } = handlers;
    const payloads = new Slab();
    const socket = await sockets.open({
      family,
      bufferBytes: BUFFER_BYTES,
      tellsUnreachable: true,
      handlers: {
        // The memory is the socket's.
        onDatagram: (payload, from) => onDatagram(payloads.copy(payload), from),
        onUnreachable: (to, code) => {
          const error = endingError(code);
          if (error !== undefined) onUnreachable(to, error);
        },
      },
    });
    return new OriginSocket(socket, onClosed);
  }

  private constructor(socket: UdpSocket, onClosed: () => void) {
    this.#socket = socket;
    this.#onClosed = onClosed;
  }

  /** Sends, or tells the listener why not. */
  send(payload: Uint8Array, to: SocketAddress, listener: SendListener): void {
    this.#socket.send([payload], to, listener);
  }

  close(): void {
    this.#socket.close();
    this.#onClosed();
  }
}

/** For what is sent to one destination. */
export function listenerFor(
  to: Destination,
  { onUnreachable, onDropped }: Omit<OriginSocketHandlers, 'onDatagram'>,
): SendListener {
  return {
    onUnsent(code) {
      onDropped(UNSENT[code] ?? 'send-failed');
      const error = endingError(code);
      if (error !== undefined) onUnreachable(to, error);
    },
  };
}

/** Some milliseconds of a fast download over QUIC. The kernel gives what it allows (net.core.rmem_max), and by default less. */
const BUFFER_BYTES = 1024 * 1024;

const UNSENT: Readonly<Record<string, SendDrop>> = { EMSGSIZE: 'too-long', ENOBUFS: 'busy' };

/** After these nothing reaches the other end. Others, such as a packet that is too long, concern one datagram. */
const ENDS_A_FLOW: ReadonlySet<ErrorName> = new Set([
  'connectionRefused',
  'destinationUnreachable',
  'networkFailure',
  'notAuthorized',
]);

function endingError(code: string): ErrorName | undefined {
  const name = errnoName(code);
  return name !== undefined && ENDS_A_FLOW.has(name) ? name : undefined;
}
