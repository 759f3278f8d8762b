import type { Socket as UdpSocket } from 'node:dgram';
import type { Server, Socket } from 'node:net';
import { SocksClient } from 'socks';
import type { Destination } from '../../shared/protocol/destination.ts';
import { sharedPort } from '../support/ports.ts';
import { associate, type UdpAssociation } from '../support/socks-udp.ts';

const HOST = '127.0.0.1';

/** Leads a port of loopback, TCP and UDP, through a SOCKS5 proxy to one destination: for applications that know of no proxy. */
export class SocksForwarder {
  readonly host = HOST;
  readonly port: number;
  readonly #proxy: Destination;
  readonly #to: Destination;
  readonly #server: Server;
  readonly #udp: UdpSocket;
  /** By the application's address and port. */
  readonly #associations = new Map<string, Promise<UdpAssociation>>();
  readonly #sockets = new Set<Socket>();

  private constructor(proxy: Destination, to: Destination, server: Server, udp: UdpSocket) {
    this.#proxy = proxy;
    this.#to = to;
    this.#server = server;
    this.#udp = udp;
    this.port = udp.address().port;
    server.on('connection', (socket) => void this.#forward(socket).catch(() => socket.destroy()));
    udp.on(
      'message',
      (payload, { address, port }) => void this.#send(address, port, payload).catch(() => {}),
    );
  }

  static async start(proxy: Destination, to: Destination): Promise<SocksForwarder> {
    const { tcp, udp } = await sharedPort();
    return new SocksForwarder(proxy, to, tcp, udp);
  }

  /** How many applications' ports have sent datagrams. */
  get associationCount(): number {
    return this.#associations.size;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#udp.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const association of this.#associations.values())
      (await association.catch(() => undefined))?.close();
  }

  async #forward(socket: Socket): Promise<void> {
    this.#keep(socket);
    const proxy = { ...this.#proxy, type: 5 } as const;
    const { socket: far } = await SocksClient.createConnection({
      ...{ proxy, command: 'connect', destination: this.#to },
    });
    this.#keep(far);
    socket.pipe(far);
    far.pipe(socket);
  }

  async #send(address: string, port: number, payload: Buffer): Promise<void> {
    const key = `${address}:${port}`;
    let association = this.#associations.get(key);
    if (association === undefined) {
      association = associate(this.#proxy);
      this.#associations.set(key, association);
      const { udp } = await association;
      udp.on('message', (frame) => this.#udp.send(SocksClient.parseUDPFrame(frame).data, port, address));
    }
    const { udp, relay } = await association;
    udp.send(SocksClient.createUDPFrame({ remoteHost: this.#to, data: payload }), relay.port, relay.host);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
