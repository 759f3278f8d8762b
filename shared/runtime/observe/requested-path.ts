import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';
import { isIpv6Literal } from '../address/host-port.ts';
import { parseAddress } from '../address/ip-address.ts';

/** What an endpoint is called by those who may ask it. */
export interface EndpointNames {
  /** The port that it listens at. */
  readonly port: number;
  /** Its names, or addresses that it is known by elsewhere; requests may name any port with them. */
  readonly hosts: ReadonlySet<string>;
}

/** Host names and addresses as `EndpointNames.hosts` has them: spelled in one way. */
export function endpointHosts(hosts: readonly string[]): ReadonlySet<string> {
  return new Set(hosts.map(spelledAlike));
}

/**
 * The path that a request asks for, without its query; undefined if the request was not meant for this endpoint.
 *
 * A web page can make its own name lead to this machine (DNS rebinding). The browser then takes the endpoint for the page's own
 * server and lets the page read the answer, but it still sends the page's name. So Host (RFC 9110 section 7.2), and the
 * authority of a target in absolute form (RFC 9112 section 3.2.2), must be an IP address or `localhost` with the port of the
 * endpoint, or one of its names. Without Host, or with several, the request is refused too.
 */
export function requestedPath(
  { url = '', rawHeaders }: Pick<IncomingMessage, 'url' | 'rawHeaders'>,
  names: EndpointNames,
): string | undefined {
  const hosts = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === 'host');
  const absolute = /^http:\/\/([^/?#]*)(.*)$/i.exec(url);
  const authorities = absolute === null ? hosts : [...hosts, absolute[1] ?? ''];
  if (hosts.length !== 1 || !authorities.every((authority) => isOwn(authority, names))) return undefined;
  const path = (absolute?.[2] ?? url).split('?', 1)[0] ?? '';
  return path === '' ? '/' : path;
}

/** RFC 3986 section 3.2 without user information. A port that is absent or empty is that of the scheme. */
const AUTHORITY = /^(?:\[([^\]]+)\]|([^:[\]@]+))(?::(\d*))?$/;
const HTTP_PORT = 80;
const MAX_PORT = 65_535;

function isOwn(authority: string, { port, hosts }: EndpointNames): boolean {
  const match = AUTHORITY.exec(authority);
  if (match === null) return false;
  const [, bracketed, plain = '', portText = ''] = match;
  if (bracketed !== undefined && !isIpv6Literal(bracketed)) return false;
  if (Number(portText) > MAX_PORT) return false;
  const host = spelledAlike(bracketed ?? plain);
  if (hosts.has(host)) return true;
  const isLocal = bracketed !== undefined || isIPv4(host) || host === 'localhost';
  return isLocal && (portText === '' ? HTTP_PORT : Number(portText)) === port;
}

/** Names are the same in upper case and with the root's dot; IPv6 addresses have many spellings. */
function spelledAlike(host: string): string {
  return parseAddress(host)?.toNormalizedString() ?? host.toLowerCase().replace(/\.$/, '');
}
