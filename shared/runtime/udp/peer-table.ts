import { endianness, networkInterfaces } from 'node:os';
import { readSocketAddress, type SocketAddress, socketAddress } from '../kernel/socket-address.ts';
import type { MessageHeaders } from './message-layout.ts';

/** The addresses that a socket hears are remembered, so that not each datagram makes a new one; more are forgotten at once. */
const MAX_PEERS = 1_024;

/** The addresses that have sent to one socket. */
export class PeerTable {
  readonly #family: 4 | 6;
  readonly #byKey = new Map<number | string, SocketAddress>();
  readonly #byName = new Map<string, SocketAddress>();

  constructor(family: 4 | 6) {
    this.#family = family;
  }

  /** Where a datagram came from. */
  of(headers: MessageHeaders, index: number): SocketAddress {
    const key = this.#family === 4 ? ipv4Key(headers, index) : keyOf(headers.name(index));
    return this.#byKey.get(key) ?? this.#add(key, readSocketAddress(this.#family, headers.name(index)));
  }

  /** The same, as Node tells it; undefined where it makes no sense of it. */
  named(host: string, port: number): SocketAddress | undefined {
    const name = `${host} ${port}`;
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const address = zonedAddress(host, port);
    if (address === undefined) return undefined;
    if (this.#byName.size >= MAX_PEERS) this.#byName.clear();
    const same = this.#same(address);
    this.#byName.set(name, same);
    return same;
  }

  #same(address: SocketAddress): SocketAddress {
    const { bytes } = address;
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, 2);
    const key = this.#family === 4 ? words[1]! * PORTS + (words[0]! >>> 16) : keyOf(bytes);
    return this.#byKey.get(key) ?? this.#add(key, address);
  }

  #add(key: number | string, address: SocketAddress): SocketAddress {
    if (this.#byKey.size >= MAX_PEERS) this.#byKey.clear();
    this.#byKey.set(key, address);
    return address;
  }
}

const PORTS = 65_536;
/** Of `sin6_scope_id` in `struct sockaddr_in6`. */
const ZONE_AT = 24;

function ipv4Key(headers: MessageHeaders, index: number): number {
  return headers.nameWord(index, 1) * PORTS + (headers.nameWord(index, 0) >>> 16);
}

/** Port, address and zone of `struct sockaddr_in6`; the label of the flow does not count. */
function keyOf(bytes: Uint8Array): string {
  const { buffer, byteOffset, length } = bytes;
  const text = Buffer.from(buffer, byteOffset, length);
  return text.toString('latin1', 2, 4) + text.toString('latin1', 8, length);
}

/** An address of a link has a zone, which is an interface of this machine: `fe80::1%eth0`. */
function zonedAddress(text: string, port: number): SocketAddress | undefined {
  const [host = '', zone] = text.split('%');
  const address = socketAddress(host, port);
  if (address === undefined || zone === undefined) return address;
  const own = networkInterfaces()[zone]?.find((one) => one.family === 'IPv6' && one.scopeid > 0);
  if (own?.family !== 'IPv6') return undefined;
  new DataView(address.bytes.buffer).setUint32(ZONE_AT, own.scopeid, endianness() === 'LE');
  return { ...address, host: text };
}
