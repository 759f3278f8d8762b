import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Destination } from '../../protocol/destination.ts';

/** What a header says of the connection that it stands in front of. */
export interface ProxyHeader {
  /** Of the header; the connection's own bytes follow. */
  readonly lengthBytes: number;
  /** Whose connection it is; undefined where the balancer does not know, or where it is the balancer's own. */
  readonly source: Destination | undefined;
  /** The balancer has opened the connection for itself, as for a health check: nobody's bytes follow. */
  readonly isCheck: boolean;
}

/** Version 2 (section 2.2): no text that a server could take for a request. */
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_BYTES = 16;
const LOCAL = 0x20;
const PROXY = 0x21;
/** TCP over IPv4 and IPv6: bytes of an address, and how much of it there must be. */
const FAMILIES: ReadonlyMap<number, number> = new Map([
  [0x11, 4],
  [0x21, 16],
]);
/** Addresses, and what a balancer may say besides: a certificate is the longest. */
const MAX_REST_BYTES = 4_096;
/** Version 1 (section 2.1): a line. */
const LINE_START = Buffer.from('PROXY ', 'latin1');
const MAX_LINE_BYTES = 107;

/**
 * Reads a header of the PROXY protocol, version 1 or 2 (HAProxy's proxy-protocol.txt), from the first bytes of a connection.
 * @returns `more` where it is not whole, `none` where these are no bytes of a header
 */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader | 'more' | 'none' {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (beginsWith(buffer, SIGNATURE)) return readBinary(buffer);
  if (beginsWith(buffer, LINE_START)) return readLine(buffer);
  return 'none';
}

/** As far as there are bytes. */
function beginsWith(buffer: Buffer, start: Buffer): boolean {
  const length = Math.min(buffer.length, start.length);
  return buffer.subarray(0, length).equals(start.subarray(0, length));
}

function readBinary(buffer: Buffer): ProxyHeader | 'more' | 'none' {
  if (buffer.length < FIXED_BYTES) return 'more';
  const command = buffer[12]!;
  const restBytes = buffer.readUInt16BE(14);
  if ((command !== LOCAL && command !== PROXY) || restBytes > MAX_REST_BYTES) return 'none';
  const lengthBytes = FIXED_BYTES + restBytes;
  if (buffer.length < lengthBytes) return 'more';
  if (command === LOCAL) return { lengthBytes, source: undefined, isCheck: true };
  const addressBytes = FAMILIES.get(buffer[13]!);
  // UNSPEC and Unix sockets: the connection is to be taken, with the addresses that it has itself.
  if (addressBytes === undefined) return { lengthBytes, source: undefined, isCheck: false };
  if (restBytes < 2 * addressBytes + 4) return 'none';
  const address = ipaddr.fromByteArray([...buffer.subarray(FIXED_BYTES, FIXED_BYTES + addressBytes)]);
  const host = plainHost(address.toString());
  const port = buffer.readUInt16BE(FIXED_BYTES + 2 * addressBytes);
  return { lengthBytes, source: { host, port }, isCheck: false };
}

function readLine(buffer: Buffer): ProxyHeader | 'more' | 'none' {
  const end = buffer.subarray(0, MAX_LINE_BYTES).indexOf('\r\n');
  if (end < 0) return buffer.length < MAX_LINE_BYTES ? 'more' : 'none';
  const lengthBytes = end + 2;
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...more] = buffer
    .subarray(0, end)
    .toString('latin1')
    .split(' ');
  if (family === 'UNKNOWN') return { lengthBytes, source: undefined, isCheck: false };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : () => false;
  const isWhole = isAddress(source) && isAddress(destination) && more.length === 0;
  if (!isWhole || !isPort(sourcePort) || !isPort(destinationPort)) return 'none';
  return { lengthBytes, source: { host: plainHost(source), port: Number(sourcePort) }, isCheck: false };
}

/** A balancer that listens to both families at once may write IPv4 as IPv6: all of it would be one network otherwise. */
function plainHost(address: string): string {
  return ipaddr.process(address).toString();
}

/** A zone means something on its own machine alone. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}
