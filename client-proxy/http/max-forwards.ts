import type { IncomingMessage } from 'node:http';
import type { OwnAnswer } from './answers.ts';
import { encodeHead } from './end-to-end-headers.ts';
import { valuesOf } from './requested-target.ts';

/** What Max-Forwards says of a request (RFC 9110 section 7.6.2). */
export type Forwarding =
  | {
      readonly kind: 'onward';
      /** What it says to the next server; absent: as it came. */
      readonly maxForwards?: string;
    }
  /** It ends here, with this answer. */
  | { readonly kind: 'here'; readonly answer: OwnAnswer }
  | { readonly kind: 'refused'; readonly detail: string };

/** The methods that it means something for. */
const LIMITED: ReadonlySet<string> = new Set(['OPTIONS', 'TRACE']);
/** As many proxies as IP has hops. */
const MOST = 255;
/** What is passed on of a request; CONNECT is not, and stands here as what the proxy does. */
const METHODS = 'CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, TRACE';
/** What a TRACE does not say again: whoever reads the answer need not know it (RFC 9110 section 9.3.8). */
const SECRET: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** Whether a request goes on to its origin, and how many proxies further it may go. */
export function forwardingOf({
  method = '',
  rawHeaders,
  url,
  httpVersion,
}: Pick<IncomingMessage, 'method' | 'rawHeaders' | 'url' | 'httpVersion'>): Forwarding {
  const values = LIMITED.has(method) ? valuesOf(rawHeaders, 'max-forwards') : [];
  const [value] = values;
  if (value === undefined) return { kind: 'onward' };
  if (values.length > 1 || !/^\d+$/.test(value)) {
    return { kind: 'refused', detail: 'Max-Forwards is not one number' };
  }
  const left = Number(value);
  if (left > 0) return { kind: 'onward', maxForwards: String(Math.min(left - 1, MOST)) };
  if (method === 'OPTIONS') {
    const text = 'The request has come as far as it may: to the proxy.';
    return { kind: 'here', answer: { status: 200, text, headers: { Allow: METHODS } } };
  }
  const told = rawHeaders.filter((_, i) => !SECRET.has(rawHeaders[i - (i % 2)]!.toLowerCase()));
  const text = encodeHead(`TRACE ${url} HTTP/${httpVersion}`, told).toString('latin1');
  return { kind: 'here', answer: { status: 200, text, headers: { 'Content-Type': 'message/http' } } };
}
