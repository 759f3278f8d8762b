import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { EndpointPages } from '../../shared/runtime/observe/http-endpoint.ts';
import { LoginPace } from '../front/login-pace.ts';
import type { DayReport } from './history/history-keeper.ts';
import type { PageFeed } from './page-feed.ts';
import type { PageFile } from './page-files.ts';

export interface ClientPageOptions {
  /** Where the endpoint listens. */
  readonly host: string;
  readonly password: string | undefined;
  readonly files: ReadonlyMap<string, PageFile>;
  readonly feed: Pick<PageFeed, 'isFull' | 'open'>;
  /** @param afterMs what of the minutes is known already */
  readonly history: (afterMs: number) => DayReport;
  readonly clock: MonotonicClock;
}

const EVENTS = '/events';
const HISTORY = '/history';
/** The page at the client's endpoint: `/`, its files, `/history`, and `/events`, which tells it of each second. It only reads. */
export class ClientPage implements EndpointPages {
  readonly #options: ClientPageOptions;
  readonly #pace: LoginPace;

  constructor(options: ClientPageOptions) {
    this.#options = options;
    this.#pace = new LoginPace(options.clock);
  }

  answer(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const { files, password, host } = this.#options;
    const file = files.get(path);
    if (file === undefined && path !== EVENTS && path !== HISTORY) return false;
    const serve = () => {
      if (file !== undefined) void sendFile(response, file);
      else if (isFromElsewhere(request))
        refuse(response, 403, 'this is for the page of this endpoint alone\n');
      else if (path === EVENTS) this.#openEvents(request, response);
      else sendJson(response, this.#options.history(afterOf(request)));
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
    feed.open(response, afterOf(request));
  }
}

/** Browsers say where a request comes from. Pages of other sites could not read the answer, but they could take all places. */
function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && site !== 'same-origin';
}

/** The time up to which the page knows all. */
function afterOf({ url = '/' }: IncomingMessage): number {
  const after = Number(new URL(url, 'http://localhost').searchParams.get('after'));
  return Number.isFinite(after) ? after : 0;
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
