import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLoopback } from '../address/special-ranges.ts';
import { LoginPace } from '../admission/login-pace.ts';
import type { MonotonicClock } from '../clock.ts';
import type { EndpointPages } from '../observe/http-endpoint.ts';
import type { PageFile } from './page-files.ts';

/** What a page is told of while it is open (server-sent events). */
export interface PageEvents {
  /** No further page can be told. */
  readonly isFull: boolean;
  /**
   * Tells a page until it closes the connection.
   * @param page has its headers, and no body yet
   * @param query what it asks for
   */
  open(page: ServerResponse, query: URLSearchParams): void;
}

export interface WebPageOptions {
  /** Where the endpoint listens. */
  readonly host: string;
  readonly password: string | undefined;
  readonly files: ReadonlyMap<string, PageFile>;
  readonly feed: PageEvents;
  /** What is answered in JSON to who asks for a path, by path. Never with secrets in it. */
  readonly answers?: ReadonlyMap<string, (query: URLSearchParams) => object>;
  readonly clock: MonotonicClock;
}

const EVENTS = '/events';

/** The page at a program's endpoint: `/`, its files, its answers, and `/events`, which tells it of each second. It only reads. */
export class WebPage implements EndpointPages {
  readonly #options: WebPageOptions;
  readonly #pace: LoginPace;

  constructor(options: WebPageOptions) {
    this.#options = options;
    this.#pace = new LoginPace(options.clock);
  }

  answer(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const { files, answers, password, host } = this.#options;
    const file = files.get(path);
    const answerTo = answers?.get(path);
    if (file === undefined && answerTo === undefined && path !== EVENTS) return false;
    const serve = () => {
      if (file !== undefined) void sendFile(response, file);
      else if (isFromElsewhere(request))
        refuse(response, 403, 'this is for the page of this endpoint alone\n');
      else if (answerTo !== undefined) sendJson(response, answerTo(queryOf(request)));
      else this.#openEvents(request, response);
    };
    if (password !== undefined) this.#whenRight(request, response, password, serve);
    else if (isLoopback(host)) serve();
    else refuse(response, 403, NOT_SERVED);
    return true;
  }

  #whenRight(request: IncomingMessage, response: ServerResponse, password: string, serve: () => void) {
    const ask = () => {
      response.setHeader('WWW-Authenticate', 'Basic realm="Tributary", charset="UTF-8"');
      refuse(response, 401, 'The page wants the password in metrics.password; the name does not matter.\n');
    };
    const given = passwordIn(request);
    if (given === undefined) return ask();
    const address = request.socket.remoteAddress ?? '';
    const waitMs = this.#pace.reserve(address);
    if (waitMs === undefined) return refuse(response, 429, 'too many wrong passwords: wait a few seconds\n');
    const check = () => {
      if (!timingSafeEqual(digest(given), digest(password))) return ask();
      this.#pace.onRight(address);
      serve();
    };
    if (waitMs === 0) check();
    else setTimeout(check, waitMs).unref();
  }

  #openEvents(request: IncomingMessage, response: ServerResponse) {
    const { feed } = this.#options;
    if (feed.isFull) return refuse(response, 503, 'too many pages are open: close one of them\n');
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream' });
    if (request.method === 'HEAD') return response.end();
    feed.open(response, queryOf(request));
  }
}

/** Browsers say where a request comes from. Pages of other sites could not read the answer, but they could take all places. */
function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && site !== 'same-origin';
}

function queryOf({ url = '/' }: IncomingMessage): URLSearchParams {
  return new URL(url, 'http://localhost').searchParams;
}

const NOT_SERVED =
  'Other machines can reach this address, so the page is only served with a password: set metrics.password in the ' +
  'configuration, or let metrics.listen be on loopback.\n';

/** Nothing of other origins, no code or style in the text of the page, and no frames of others around it. */
const POLICY = [
  "default-src 'none'",
  ...['script-src', 'style-src', 'img-src', 'connect-src'].map((kind) => `${kind} 'self'`),
  ...['base-uri', 'form-action', 'frame-ancestors'].map((kind) => `${kind} 'none'`),
].join('; ');

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

async function sendFile(response: ServerResponse, { type, read }: PageFile): Promise<void> {
  try {
    const content = await read();
    response.writeHead(200, { ...HEADERS, 'Content-Type': type }).end(content);
  } catch {
    refuse(response, 500, 'a file of the page is missing: install the program again\n');
  }
}

function sendJson(response: ServerResponse, value: object): void {
  response.writeHead(200, { ...HEADERS, 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, words: string): void {
  response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(words);
}

/** RFC 7617. Undefined where none is given. */
function passwordIn({ headers: { authorization = '' } }: IncomingMessage): string | undefined {
  const encoded = /^basic +([a-z0-9+/=]+) *$/i.exec(authorization)?.[1] ?? '';
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : text.slice(colon + 1);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
