import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { type Destination, formatDestination } from '../../protocol/destination.ts';
import { TributaryError } from '../../protocol/errors.ts';
import { errorWords } from '../text/error-words.ts';
import { type EndpointNames, endpointHosts, requestedPath } from './requested-path.ts';
import { registerCounter } from './scraped-metric.ts';

/** Whether a program can serve, and why not; for a person, who also gets details when it can. */
export interface Health {
  readonly ok: boolean;
  readonly reasons: readonly string[];
}

export interface HttpEndpointOptions<Status extends object> {
  /** Where to listen; undefined: nowhere, as the configuration says. */
  readonly listen: Destination | undefined;
  /** Names by which it may be asked, besides IP addresses and `localhost`. */
  readonly hosts?: readonly string[] | undefined;
  readonly registry: Registry;
  /** All metrics as text; those of the registry where absent. */
  readonly metrics?: (() => Promise<string>) | undefined;
  /** Whether the program can serve now, for instance whether an uplink is up. */
  readonly ready: () => Health;
  /** What the program does now, for programs. Never with secrets in it. */
  readonly status: () => Status | Promise<Status>;
  /** The same for people. */
  readonly statusText: (status: Status) => string;
  /** What else is served. */
  readonly pages?: EndpointPages | undefined;
}

/** Further paths of the endpoint, for browsers. */
export interface EndpointPages {
  /** Answers a GET or HEAD for one of its paths, at once or later; false for any other path. */
  answer(request: IncomingMessage, response: ServerResponse, path: string): boolean;
  /** The same for a POST; absent: there is nothing to post to. */
  act?(request: IncomingMessage, response: ServerResponse, path: string): boolean;
}

/** The endpoint cannot listen at its address. */
export class EndpointError extends TributaryError {
  constructor(message: string, options?: ErrorOptions) {
    super('internalError', message, 'ours', options);
  }
}

/** A scraper or two, a health checker, a person. */
const MAX_CONNECTIONS = 32;
const LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  // How late the two above may be noticed.
  connectionsCheckingInterval: 5_000,
  keepAliveTimeout: 10_000,
  maxHeaderSize: 8 * 1024,
};

/**
 * Serves /metrics (Prometheus text), /healthz (200 as long as the process answers), /readyz (200, or 503 with the
 * reasons), /readyz-or-404 (the same with 404), /status (JSON) and /status.txt over HTTP, and `pages`; anything else is 404. A request that
 * names another host is answered 421 (see `requestedPath`).
 */
export class HttpEndpoint<Status extends object> {
  readonly #options: HttpEndpointOptions<Status>;
  #server: Server | undefined;
  #misdirected = 0;

  constructor(options: HttpEndpointOptions<Status>) {
    this.#options = options;
    const samples = () => [[{}, this.#misdirected] as const];
    registerCounter(options.registry, {
      name: 'tributary_endpoint_misdirected_requests_total',
      help: 'Requests to this endpoint that were refused because they name another host (421)',
      labelNames: [],
      samples,
    });
  }

  /**
   * Resolves to where it listens, with the real port where 0 was asked for; to undefined when it is turned off. Rejects with
   * EndpointError when the address cannot be listened at.
   */
  async start(): Promise<Destination | undefined> {
    const { listen, hosts = [] } = this.#options;
    if (listen === undefined) return undefined;
    const names = { port: listen.port, hosts: endpointHosts(hosts) };
    const server = createServer(LIMITS, (request, response) => {
      this.#serve(request, response, names);
    });
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      // Later errors are failures to accept, for example without memory for a socket: the next scrape may work.
      server.on('error', (error: NodeJS.ErrnoException) => reject(listenError(listen, error)));
      server.listen({ host: listen.host, port: listen.port }, resolve);
    });
    this.#server = server;
    names.port = (server.address() as AddressInfo).port;
    return { host: listen.host, port: names.port };
  }

  /** Stops listening and cuts the connections that are open. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  #serve(request: IncomingMessage, response: ServerResponse, names: EndpointNames): void {
    const path = requestedPath(request, names);
    if (path === undefined) {
      this.#misdirected += 1;
      send(response, 421, MISDIRECTED);
      return;
    }
    answer(request, path, response, this.#options).catch(() =>
      send(response, 500, 'this could not be collected\n'),
    );
  }
}

const MISDIRECTED =
  'The request names a host that this endpoint is not known by. Ask by IP address or localhost, ' +
  'with the port that it listens at, or add the name to metrics.hosts.\n';

async function answer<Status extends object>(
  request: IncomingMessage,
  path: string,
  response: ServerResponse,
  { registry, metrics, ready, status, statusText, pages }: HttpEndpointOptions<Status>,
): Promise<void> {
  if (request.method === 'POST' && pages?.act?.(request, response, path)) return;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return send(response, 405, 'only GET and HEAD are served here\n');
  }
  switch (path) {
    case '/metrics':
      return send(response, 200, await (metrics?.() ?? registry.metrics()), registry.contentType);
    case '/healthz':
      return sendHealth(response, { ok: true, reasons: [] });
    case '/readyz':
      return sendHealth(response, ready());
    case '/readyz-or-404':
      return sendHealth(response, ready(), 404);
    case '/status':
      return send(response, 200, `${JSON.stringify(await status(), undefined, 2)}\n`, 'application/json');
    case '/status.txt':
      return send(response, 200, statusText(await status()));
    default:
      if (pages?.answer(request, response, path)) return;
      return send(response, 404, NO_SUCH_PATH);
  }
}

const NO_SUCH_PATH = 'here are /metrics, /healthz, /readyz, /readyz-or-404, /status and /status.txt\n';

function sendHealth(response: ServerResponse, { ok, reasons }: Health, failure = 503): void {
  send(response, ok ? 200 : failure, `${[ok ? 'ok' : 'not ok', ...reasons].join('\n')}\n`);
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  if (response.headersSent) {
    // What failed had begun to answer: nothing else can be said any more.
    response.destroy();
    return;
  }
  response.writeHead(status, { ...HEADERS, 'Content-Type': type }).end(body);
}

/** Nothing here is for web pages: browsers neither guess another type nor hand the answer to another site's page. */
const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

function listenError(listen: Destination, error: NodeJS.ErrnoException): EndpointError {
  const where = `metrics cannot listen at ${formatDestination(listen)}`;
  const what: Record<string, string> = {
    EADDRINUSE: 'the port is taken: choose another with metrics.listen, or stop the program that has it',
    EADDRNOTAVAIL: 'this machine does not have that address: correct metrics.listen',
    EACCES: 'permission denied: ports below 1024 need rights; choose a higher one with metrics.listen',
  };
  return new EndpointError(`${where}: ${what[error.code ?? ''] ?? errorWords(error)}`, { cause: error });
}
