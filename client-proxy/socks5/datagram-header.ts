import type { Destination } from '../../shared/protocol/destination.ts';
import { ADDRESS_TYPE, addressFieldEnd, readAddressField, withAddressField } from './address-field.ts';

/** Where a datagram of a client goes, and where its payload begins. */
export interface DatagramHeader {
  /** The same object for the same destination, as long as it is known. */
  readonly destination: Destination;
  readonly payloadAt: number;
}

/** Destinations that are known at a time. All are forgotten at the bound: what is asked for again is read again. */
const MAX_KNOWN = 1024;

const RESERVED_BYTES = 2;
const ADDRESS_AT = RESERVED_BYTES + 1;

/**
 * The headers of the datagrams of one client (RFC 1928 section 7), in both directions:
 *
 *     +----+------+------+----------+----------+----------+
 *     |RSV | FRAG | ATYP | DST.ADDR | DST.PORT |   DATA   |
 *     +----+------+------+----------+----------+----------+
 *     | 2  |  1   |  1   | Variable |    2     | Variable |
 *     +----+------+------+----------+----------+----------+
 *
 * The same few are read and written over and over: what they mean is kept.
 */
export class DatagramHeaders {
  readonly #known = new Map<number | string, DatagramHeader>();
  readonly #written = new WeakMap<Destination, Uint8Array>();

  /** @returns what is wrong with it, where it is not to be relayed */
  read(datagram: Uint8Array): DatagramHeader | 'malformed' | 'fragment' {
    const key = keyOf(datagram);
    if (key === undefined) return 'malformed';
    // What is reserved is not checked: some clients leave rubbish in it.
    if (datagram[RESERVED_BYTES] !== 0) return 'fragment';
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const field = readAddressField(datagram, ADDRESS_AT);
    if (typeof field !== 'object' || 'problem' in field.host || field.port === 0) return 'malformed';
    const header = { destination: { host: field.host.host, port: field.port }, payloadAt: field.end };
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(key, header);
    return header;
  }

  /** The header of a datagram that comes from there. */
  written(from: Destination): Uint8Array {
    let header = this.#written.get(from);
    if (header === undefined) {
      header = withAddressField([0, 0, 0], from);
      this.#written.set(from, header);
    }
    return header;
  }
}

/** What tells a header from others; undefined where there is none. */
function keyOf(datagram: Uint8Array): number | string | undefined {
  const end = addressFieldEnd(datagram, ADDRESS_AT);
  if (typeof end === 'string') return undefined;
  if (datagram[ADDRESS_AT] !== ADDRESS_TYPE.ipv4) {
    return Buffer.from(datagram.buffer, datagram.byteOffset, end).toString('latin1', ADDRESS_AT);
  }
  let key = 0;
  for (let at = ADDRESS_AT + 1; at < end; at++) key = key * 256 + datagram[at]!;
  return key;
}
