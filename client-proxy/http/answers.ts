import { STATUS_CODES } from 'node:http';
import type { ErrorName } from '../../shared/protocol/errors.ts';

/** An answer that this proxy gives by itself. */
export interface OwnAnswer {
  readonly status: number;
  /** For a person. */
  readonly text: string;
  /** The error type of RFC 9209 section 2.3, for Proxy-Status. */
  readonly proxyError?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const NO_ANSWER: OwnAnswer = {
  status: 502,
  text: 'The connection to the origin failed.',
  proxyError: 'proxy_internal_error',
};

const BY_ERROR: Partial<Record<ErrorName, OwnAnswer>> = {
  notAuthorized: {
    status: 403,
    text: 'Connections to this destination are blocked, by a rule of this proxy or by the concentrator.',
    proxyError: 'http_request_denied',
  },
  nameNotFound: {
    status: 502,
    text: 'The name of the origin was not found.',
    proxyError: 'dns_error',
  },
  connectionRefused: {
    status: 502,
    text: 'The origin has refused the connection.',
    proxyError: 'connection_refused',
  },
  connectionReset: {
    status: 502,
    text: 'The connection to the origin was reset.',
    proxyError: 'connection_terminated',
  },
  destinationUnreachable: {
    status: 502,
    text: 'There is no way to the origin.',
    proxyError: 'destination_ip_unroutable',
  },
  networkFailure: {
    status: 502,
    text: 'The network has failed on the way to the origin.',
    proxyError: 'destination_ip_unroutable',
  },
  timedOut: {
    status: 504,
    text: 'The origin has not answered in time.',
    proxyError: 'connection_timeout',
  },
  uplinksLost: {
    status: 503,
    text: 'No uplink carries anything now. Try again later.',
    proxyError: 'proxy_internal_error',
  },
  goingAway: {
    status: 503,
    text: 'The concentrator is going away. Try again later.',
    proxyError: 'proxy_internal_error',
  },
  resourceExceeded: {
    status: 503,
    text: 'Too much is under way already. Try again later.',
    proxyError: 'connection_limit_reached',
  },
  internalError: {
    status: 500,
    text: 'Internal error of the proxy.',
    proxyError: 'proxy_internal_error',
  },
};

/** Why there is no connection to the origin, as a status and in words. */
export function answerForError(error: ErrorName): OwnAnswer {
  return BY_ERROR[error] ?? NO_ANSWER;
}

/** The origin has answered, and not as HTTP has it. */
export const BAD_ANSWER: OwnAnswer = {
  status: 502,
  text: 'The origin has answered something that is not HTTP, or has ended its answer too early.',
  proxyError: 'http_protocol_error',
};

/** Credentials are needed, or others (RFC 9110 section 11.7). */
export const LOGIN_NEEDED: OwnAnswer = {
  status: 407,
  text: 'This proxy needs a user name and a password.',
  headers: { 'Proxy-Authenticate': 'Basic realm="Tributary", charset="UTF-8"' },
};

/** The credentials were not checked: they may be right. */
export const TOO_MANY_LOGINS: OwnAnswer = {
  status: 429,
  text: 'Too many logins wait after wrong ones from this address. Try again later.',
  headers: { 'Retry-After': '10' },
};

/** Fields of any answer of this proxy; none is for a page of another site, or to be taken for another type. */
const HEADERS = {
  'Content-Type': 'text/plain; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** What a response with this answer consists of. */
export function ownResponse({ status, text, proxyError, headers }: OwnAnswer): {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
} {
  const body = Buffer.from(text.endsWith('\n') ? text : `${text}\n`);
  return {
    status,
    headers: {
      ...HEADERS,
      ...(proxyError === undefined ? {} : { 'Proxy-Status': `tributary; error=${proxyError}` }),
      ...headers,
      'Content-Length': String(body.length),
    },
    body,
  };
}

/** The answer as the last message of a connection that no parser has any more. */
export function encodeLastResponse(answer: OwnAnswer): Buffer {
  const { status, headers, body } = ownResponse(answer);
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`];
  for (const [name, value] of Object.entries({ ...headers, Connection: 'close' }))
    lines.push(`${name}: ${value}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/** The answer to a CONNECT that is, or is promised to be, established (RFC 9110 section 9.3.6). */
export const CONNECTED = Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n', 'latin1');
