import type { Destination } from '../../shared/protocol/destination.ts';
import { parsePort } from '../../shared/runtime/address/host-port.ts';
import { hostFromDomainField } from '../front/requested-host.ts';

/** What of a request says where it is to go. */
export interface RequestHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
}

/** Where a request is to go. */
export type RequestedTarget =
  /** To an origin, as a proxy is asked. */
  | {
      readonly kind: 'origin';
      readonly destination: Destination;
      /** As the origin is to be asked, and its name for Host. */
      readonly path: string;
      readonly authority: string;
    }
  /** To this proxy itself, as a web server is asked. */
  | { readonly kind: 'own'; readonly path: string }
  | Refusal;

/** A request that is not passed on. */
export interface Refusal {
  readonly kind: 'refused';
  readonly status: 400 | 501;
  /** For the client and the log. */
  readonly detail: string;
}

/**
 * The target of a request other than CONNECT: absolute-form (RFC 9112 section 3.2.2) leads to an origin, origin-form here.
 *
 * A head that others could understand in another way is refused (RFC 9112 section 11.2): the parser refuses most of them, and
 * what is left is checked here.
 */
export function requestedTarget(head: RequestHead): RequestedTarget {
  const problem = framingProblem(head);
  if (problem !== undefined) return problem;
  const { url = '', method } = head;
  if (url.startsWith('/')) return { kind: 'own', path: url };
  if (url === '*') return refuse(400, 'the target "*" asks for no origin');
  const match = ABSOLUTE_FORM.exec(url);
  if (match === null) return refuse(400, 'the target of the request is no URL');
  const [, scheme = '', authority = '', rest = ''] = match;
  if (scheme.toLowerCase() !== 'http') {
    const advice = scheme.toLowerCase() === 'https' ? ': ask for a tunnel with CONNECT' : '';
    return refuse(501, `only http:// URLs are served here${advice}`);
  }
  const destination = readAuthority(authority, HTTP_PORT);
  if ('kind' in destination) return destination;
  return { kind: 'origin', destination, path: pathOf(method, rest), authority };
}

/** The target of a CONNECT: authority-form (RFC 9112 section 3.2.3), with a port. */
export function connectTarget(head: RequestHead): Destination | Refusal {
  const problem = framingProblem(head);
  if (problem !== undefined) return problem;
  const hasContent = valuesOf(head.rawHeaders, 'content-length').some((value) => !/^0+$/.test(value));
  if (hasContent || valuesOf(head.rawHeaders, 'transfer-encoding').length > 0) {
    return refuse(400, 'a CONNECT request has no content');
  }
  return readAuthority(head.url ?? '', undefined);
}

/** The values of a field, in its order. @param name in lower case */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name);
}

/** A request whose length, or host, is not beyond doubt; undefined if they are. */
function framingProblem({ httpVersion, rawHeaders }: RequestHead): Refusal | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return refuse(400, 'only HTTP/1.0 and HTTP/1.1 are spoken here');
  const lengths = valuesOf(rawHeaders, 'content-length');
  const codings = valuesOf(rawHeaders, 'transfer-encoding');
  if (lengths.length + codings.length > 1) return refuse(400, 'the request has more than one length');
  if (lengths.some((length) => !/^\d{1,15}$/.test(length)))
    return refuse(400, 'the Content-Length is no length');
  if (codings.length > 0) {
    if (httpVersion === '1.0') return refuse(400, 'HTTP/1.0 has no Transfer-Encoding');
    const coding = codings[0]!.toLowerCase();
    if (!/(?:^|[ \t,])chunked$/.test(coding))
      return refuse(400, 'the Transfer-Encoding does not end with "chunked"');
    // Others would have to be taken off and put on again.
    if (coding !== 'chunked') return refuse(501, 'the only Transfer-Encoding here is "chunked"');
  }
  const hosts = valuesOf(rawHeaders, 'host');
  if (hosts.length > 1) return refuse(400, 'the request has more than one Host');
  // The parser takes out control characters only where nobody else would see a line.
  if (rawHeaders.some((text) => CONTROL.test(text))) return refuse(400, 'a header has control characters');
  return undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;

/** RFC 3986 section 3: scheme, authority, and the rest without a fragment, which no request has. */
const ABSOLUTE_FORM = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^#]*)$/;
const HTTP_PORT = 80;

/** RFC 9112 sections 3.2.1 and 3.2.4. Otherwise the path is passed on as it is (RFC 9112 section 3.2). */
function pathOf(method: string | undefined, rest: string): string {
  if (rest === '') return method === 'OPTIONS' ? '*' : '/';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function readAuthority(authority: string, defaultPort: number | undefined): Destination | Refusal {
  if (authority.includes('@')) return refuse(400, 'the URL has a user name in it, which HTTP does not allow');
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(authority);
  if (match === null) return refuse(400, 'the target has no host and port');
  const [, hostText = '', portText = ''] = match;
  const port = portText === '' ? defaultPort : parsePort(portText);
  if (port === undefined) return refuse(400, 'the target has no port from 1 to 65535');
  const field = hostFromDomainField(Buffer.from(hostText, 'latin1'));
  return 'problem' in field ? refuse(400, field.problem) : { host: field.host, port };
}

function refuse(status: Refusal['status'], detail: string): Refusal {
  return { kind: 'refused', status, detail };
}
