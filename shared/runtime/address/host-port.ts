import { isIPv4, isIPv6 } from 'node:net';
import type { Destination } from '../../protocol/destination.ts';

/** What `parseHostPort` accepts, in words. */
export const HOST_PORT_FORMAT =
  'HOST:PORT, for example "vps.example.org:8443", "192.0.2.1:8443" or "[2001:db8::1]:8443"';

/**
 * Reads `host:port` or `[ipv6]:port`; without a port, `defaultPort` is taken when given.
 * Returns undefined for anything else, also for an IPv6 address without brackets (its port would be ambiguous).
 */
export function parseHostPort(text: string, defaultPort?: number): Destination | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(.*))?$/.exec(text);
  if (!match) return undefined;
  const [, bracketed, plain, portText] = match;
  const port = portText === undefined ? defaultPort : parsePort(portText);
  if (port === undefined) return undefined;
  if (bracketed !== undefined) return isIpv6Literal(bracketed) ? { host: bracketed, port } : undefined;
  return plain !== undefined && (isIPv4(plain) || isHostName(plain)) ? { host: plain, port } : undefined;
}

/** A port number from 1 to 65535 in decimal, or undefined. */
export function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= 1 && port <= 65535 ? port : undefined;
}

/** An IPv6 address without a zone (a zone names an interface of one machine, so it has no place in a file). */
export function isIpv6Literal(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

/**
 * A DNS name (RFC 1123 section 2.1, with underscores as they occur), without a trailing dot. A last label that is a
 * number is refused, since resolvers read such names as IPv4 addresses in odd forms (`127.1`, `0x7f.1`).
 */
export function isHostName(text: string): boolean {
  if (text.length > 253) return false;
  const labels = text.split('.');
  if (!labels.every((label) => /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/.test(label))) return false;
  return !/^(\d+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? '');
}
