import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Destination } from '../../shared/protocol/destination.ts';
import {
  CONNECTION_ID_BYTES,
  connectionKey,
  MIN_PACKET_BYTES,
  sameConnection,
} from '../../shared/runtime/datagram/packet-header.ts';
import type { PacketWire } from '../../shared/runtime/datagram/session-packets.ts';
import type { SocketAddress } from '../../shared/runtime/kernel/socket-address.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import type { SendListener, UdpSocket, UdpSocketOptions } from '../../shared/runtime/udp/udp-socket.ts';

/** A session, as the port sees it. */
export interface PacketReceiver {
  /** The packet is good until this returns. */
  receivePacket(packet: Uint8Array, wire: PacketWire): void;
}

export interface DatagramPortOptions {
  /** Opens one of its sockets. Rejects with the system's error. */
  open(options: UdpSocketOptions): Promise<UdpSocket>;
  randomBytes(count: number): Uint8Array;
  /** Of this machine, without zones. */
  ownAddresses?(): readonly string[];
  readonly logger: LineLog;
}

/** Packets that came to nothing before a session was found for them. */
export interface StrangerCounts {
  /** Shorter than a packet can be. */
  short: number;
  /** Of a session that there is not. */
  unknown: number;
}

/** So much of packets of all sessions may wait in the kernel; it may allow less (net.core.rmem_max). */
export const BUFFER_BYTES = 4 * 1024 * 1024;
/** A machine with more addresses answers at the others from whichever the kernel chooses. */
const MAX_OWN_ADDRESSES = 64;

/**
 * The concentrator's UDP port: a socket for each address that it listens at, which finds the session of each packet by its connection
 * id. Whatever belongs to no session is dropped without an answer.
 *
 * Where it listens at all addresses of a family, each address of this machine has a socket of its own: so the answer to a packet comes from
 * the address that the packet was sent to, which a client behind a NAT would otherwise never get.
 */
export class DatagramPort {
  readonly strangers: StrangerCounts = { short: 0, unknown: 0 };
  readonly #options: DatagramPortOptions;
  /** By `address family and host`. */
  readonly #sockets = new Map<string, UdpSocket>();
  readonly #receivers = new Map<number, Registered>();
  #listen: readonly string[] = [];
  #port = 0;
  #isClosed = false;

  constructor(options: DatagramPortOptions) {
    this.#options = options;
  }

  /** Of all its sockets; 0 while there is none. */
  get port(): number {
    return this.#port;
  }

  /** Where packets arrive. */
  get addresses(): readonly Destination[] {
    return [...this.#sockets.values()].map(({ local }) => local);
  }

  /** Rejects with the system's error where one of the addresses cannot be had; nothing is open then. */
  async open(hosts: readonly string[], port: number): Promise<void> {
    this.#listen = [...new Set(hosts)];
    this.#port = port;
    try {
      for (const host of this.#listen) await this.#openSocket(host);
    } catch (error) {
      this.#closeSockets();
      throw error;
    }
    await this.review();
  }

  /** The addresses of this machine may be others now. */
  async review(): Promise<void> {
    if (this.#port === 0) return;
    const wanted = new Set([...this.#listen, ...this.#ownAddresses()]);
    for (const [host, socket] of this.#sockets) {
      if (wanted.has(host)) continue;
      this.#sockets.delete(host);
      socket.close();
    }
    for (const host of wanted) {
      if (this.#sockets.has(host)) continue;
      // What arrives there arrives at the socket for all addresses then.
      await this.#openSocket(host).catch((error: unknown) =>
        this.#options.logger.info(
          { host, reason: errorWords(error) },
          'no UDP socket of its own at an address',
        ),
      );
    }
  }

  /** Begins a connection: packets with its id go to the receiver. @returns the id, 8 bytes */
  register(receiver: PacketReceiver): Uint8Array {
    for (;;) {
      const id = this.#options.randomBytes(CONNECTION_ID_BYTES);
      const key = connectionKey(id);
      if (this.#receivers.has(key)) continue;
      this.#receivers.set(key, { id, receiver });
      return id;
    }
  }

  unregister(id: Uint8Array): void {
    this.#receivers.delete(connectionKey(id));
  }

  close(): void {
    this.#isClosed = true;
    this.#closeSockets();
  }

  #closeSockets(): void {
    this.#port = 0;
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  async #openSocket(host: string): Promise<void> {
    const family = isIPv4(host) ? 4 : 6;
    const socket = await this.#options.open({
      family,
      host,
      port: this.#port,
      isPortShared: true,
      isNeverCut: true,
      bufferBytes: BUFFER_BYTES,
      handlers: { onDatagram: (packet, from) => this.#onPacket(socket, packet, from) },
    });
    if (this.#isClosed || this.#sockets.has(host)) {
      socket.close();
      return;
    }
    this.#port = socket.local.port;
    this.#sockets.set(host, socket);
  }

  #onPacket(socket: UdpSocket, packet: Uint8Array, from: SocketAddress): void {
    if (packet.length < MIN_PACKET_BYTES) {
      this.strangers.short++;
      return;
    }
    const registered = this.#receivers.get(connectionKey(packet));
    if (registered === undefined || !sameConnection(packet, registered.id)) this.strangers.unknown++;
    else registered.receiver.receivePacket(packet, new AddressWire(socket, from));
  }

  /** Of the families in which it listens at all addresses. */
  #ownAddresses(): readonly string[] {
    return ownUdpHosts(this.#listen, this.#options.ownAddresses);
  }
}

/** The addresses of this machine, of the families in which these are all addresses. */
export function ownUdpHosts(listen: readonly string[], ownAddresses = machineAddresses): readonly string[] {
  const families = ANY.filter(({ host }) => listen.includes(host));
  const wanted = ownAddresses().filter((host) => families.some(({ isOf }) => isOf(host)));
  return [...new Set(wanted)].slice(0, MAX_OWN_ADDRESSES);
}

interface Registered {
  readonly id: Uint8Array;
  readonly receiver: PacketReceiver;
}

const ANY = [
  { host: '0.0.0.0', isOf: (host: string) => isIPv4(host) },
  { host: '::', isOf: (host: string) => !isIPv4(host) },
];

/** Those of links are left to the socket for all: they are only addresses together with an interface. */
function machineAddresses(): readonly string[] {
  const infos = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return infos.filter((info) => info.family === 'IPv4' || info.scopeid === 0).map(({ address }) => address);
}

/** A client's address, reached from one of the concentrator's. */
class AddressWire implements PacketWire {
  readonly #socket: UdpSocket;
  readonly #to: SocketAddress;

  constructor(socket: UdpSocket, to: SocketAddress) {
    this.#socket = socket;
    this.#to = to;
  }

  send(pieces: readonly Uint8Array[], listener: SendListener): void {
    this.#socket.send(pieces, this.#to, listener);
  }

  isSame(other: PacketWire): boolean {
    if (!(other instanceof AddressWire) || other.#socket !== this.#socket) return false;
    const [one, two] = [this.#to, other.#to];
    return one === two || (one.port === two.port && one.host === two.host);
  }
}
