import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { Socket } from 'node:net';
import type { Destination } from '../../protocol/destination.ts';
import type { CancelSignal } from '../async/cancellation.ts';
import { socketReady } from '../tcp/socket-events.ts';

/** How name servers are reached: bound to something, or as the system likes. */
export interface DnsWay {
  /** Two with the same name lead the same way. */
  readonly name: string;
  /** A UDP socket that can be connected; the caller closes it. Rejects with the system's error. */
  openUdp(family: 4 | 6): Promise<UdpSocket>;
  /** A TCP connection; the caller closes it. Rejects with the system's error, or with the signal's reason. */
  connectTcp(server: Destination, signal: CancelSignal): Promise<Socket>;
}

/** From an address of this machine, or from any. */
export class PlainWay implements DnsWay {
  readonly name: string;
  readonly #localAddress: string | undefined;

  constructor(localAddress?: string) {
    this.name = localAddress === undefined ? 'any' : `address ${localAddress}`;
    this.#localAddress = localAddress;
  }

  openUdp(family: 4 | 6): Promise<UdpSocket> {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
    return boundSocket(socket, (done) => socket.bind({ address: this.#localAddress, exclusive: true }, done));
  }

  async connectTcp({ host, port }: Destination, signal: CancelSignal): Promise<Socket> {
    const socket = new Socket();
    socket.connect({ host, port, ...(this.#localAddress && { localAddress: this.#localAddress }) });
    await socketReady(socket, 'connect', signal);
    return socket;
  }
}

/** A UDP socket when `bind` has called back; closed where that fails. */
export function boundSocket(socket: UdpSocket, bind: (done: () => void) => void): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => {
      socket.close();
      reject(error);
    };
    socket.once('error', onError);
    bind(() => {
      socket.off('error', onError);
      resolve(socket);
    });
  });
}
