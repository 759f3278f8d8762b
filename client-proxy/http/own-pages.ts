import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Destination } from '../../shared/protocol/destination.ts';
import { parseHostPort } from '../../shared/runtime/address/host-port.ts';
import { parseAddress } from '../../shared/runtime/address/ip-address.ts';
import { type OwnAnswer, ownResponse } from './answers.ts';
import { valuesOf } from './requested-target.ts';

/** Where browsers look for a file of proxy settings. */
const PAC_PATHS: readonly string[] = ['/proxy.pac', '/wpad.dat'];

const PAGE =
  'This is the port of tributary-client for applications: a proxy for SOCKS5, SOCKS4 and HTTP.\n' +
  'Set it as the proxy of an application, or give browsers the address of /proxy.pac at this port.\n';

const MISDIRECTED =
  'The request names a host that this port is not known by. Ask by IP address, localhost, or the name wpad.\n';

/**
 * What this port answers a request that is meant for itself: the file of proxy settings, or what this is.
 *
 * Any web page may have its own name lead here (DNS rebinding) and read the answer, so Host has to be a name that no site can
 * have (see `isOwnName`). In any case there is no secret in it.
 *
 * @param pacFor makes the file, for the proxy's address as the client knows it
 */
export function ownPage(
  { method = '', rawHeaders }: Pick<IncomingMessage, 'method' | 'rawHeaders'>,
  path: string,
  pacFor: (proxy: Destination) => string,
): OwnAnswer {
  const host = valuesOf(rawHeaders, 'host')[0] ?? '';
  const named = parseHostPort(host, HTTP_PORT);
  if (named === undefined || !isOwnName(named.host)) return { status: 421, text: MISDIRECTED };
  if (method !== 'GET' && method !== 'HEAD') {
    return { status: 405, text: PAGE, headers: { Allow: 'GET, HEAD' } };
  }
  const [name = ''] = path.split('?', 1);
  if (!PAC_PATHS.includes(name)) return { status: name === '/' ? 200 : 404, text: PAGE };
  return { status: 200, text: pacFor(named), headers: { 'Content-Type': PAC_TYPE } };
}

const PAC_TYPE = 'application/x-ns-proxy-autoconfig';
const HTTP_PORT = 80;

/** Suffixes of names that exist in local networks only (RFC 6762, RFC 8375, and what routers use). */
const LOCAL_SUFFIXES: readonly string[] = ['lan', 'local', 'home', 'home.arpa', 'internal', 'localdomain'];

/** Whether nobody else can have this name: an address, `localhost`, or `wpad` in the local network. */
function isOwnName(host: string): boolean {
  const name = host.toLowerCase();
  if (parseAddress(name) !== undefined || name === 'localhost' || name === 'wpad') return true;
  return LOCAL_SUFFIXES.some((suffix) => name === `wpad.${suffix}`);
}

/** Sends an answer of this proxy's own. @param isLast whether the connection closes behind it */
export function sendOwn(response: ServerResponse, answer: OwnAnswer, isLast: boolean): void {
  const { status, headers, body } = ownResponse(answer);
  if (isLast) response.shouldKeepAlive = false;
  response.writeHead(status, headers);
  response.end(body);
}
