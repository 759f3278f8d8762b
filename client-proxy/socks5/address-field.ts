import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Destination } from '../../shared/protocol/destination.ts';
import { hostFromAddressBytes, hostFromDomainField } from '../front/requested-host.ts';

/** What an address field has: where to, or what is wrong with the name in it, for the log. */
export interface AddressField {
  readonly host: { readonly host: string } | { readonly problem: string };
  readonly port: number;
  /** Where the field ends. */
  readonly end: number;
}

/** RFC 1928 section 5. */
export const ADDRESS_TYPE = { ipv4: 0x01, domain: 0x03, ipv6: 0x04 } as const;

/**
 * Where an address field ends (RFC 1928 section 5): ATYP, 1 byte; an address of 4 or 16 bytes, or the length of a name in 1 byte
 * and the name; the port, 2 bytes.
 *
 * @returns `more` where it is not all there, `unknownType` where there is no such type
 */
export function addressFieldEnd(bytes: Uint8Array, at: number): number | 'more' | 'unknownType' {
  const end = at + 1 + PORT_BYTES;
  switch (bytes[at]) {
    case undefined:
      return 'more';
    case ADDRESS_TYPE.ipv4:
      return ifThere(bytes, end + 4);
    case ADDRESS_TYPE.ipv6:
      return ifThere(bytes, end + 16);
    case ADDRESS_TYPE.domain:
      return ifThere(bytes, end + 1 + (bytes[at + 1] ?? 0));
    default:
      return 'unknownType';
  }
}

/** Reads an address field. @returns as `addressFieldEnd` where it cannot be read */
export function readAddressField(bytes: Uint8Array, at: number): AddressField | 'more' | 'unknownType' {
  const end = addressFieldEnd(bytes, at);
  if (typeof end === 'string') return end;
  const isName = bytes[at] === ADDRESS_TYPE.domain;
  const address = bytes.subarray(isName ? at + 2 : at + 1, end - PORT_BYTES);
  return {
    host: isName ? hostFromDomainField(address) : { host: hostFromAddressBytes(address) },
    port: bytes[end - 2]! * 256 + bytes[end - 1]!,
    end,
  };
}

/** Such a field, behind these bytes. */
export function withAddressField(before: readonly number[], { host, port }: Destination): Buffer {
  const portBytes = [port >> 8, port & 0xff];
  if (isIP(host) === 0) {
    const name = Buffer.from(host);
    return Buffer.of(...before, ADDRESS_TYPE.domain, name.length, ...name, ...portBytes);
  }
  const address = ipaddr.parse(host).toByteArray();
  const type = address.length === 4 ? ADDRESS_TYPE.ipv4 : ADDRESS_TYPE.ipv6;
  return Buffer.of(...before, type, ...address, ...portBytes);
}

const PORT_BYTES = 2;

function ifThere(bytes: Uint8Array, end: number): number | 'more' {
  return bytes.length < end ? 'more' : end;
}
