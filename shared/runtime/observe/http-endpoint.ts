import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { type Destination, formatDestination } from '../../protocol/destination.ts';
import { TributaryError } from '../../protocol/errors.ts';

/** Whether a program can serve, and why not; for a person, who also gets details when it can. */
export interface Health {
  readonly ok: boolean;
  readonly reasons: readonly string[];
}

export interface HttpEndpointOptions<Status extends object> {
  /** Where to listen; undefined: nowhere, as the configuration says. */
  readonly listen: Destination | undefined;
  readonly registry: Registry;
  /** Whether the program can serve now, for instance whether an uplink is up. */
  readonly ready: () => Health;
  /** What the program does now, for programs. Never with secrets in it. */
  readonly status: () => Status;
  /** The same for people. */
  readonly statusText: (status: Status) => string;
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
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 10_000,
  maxHeaderSize: 8 * 1024,
};

/**
 * Serves /metrics (Prometheus text), /healthz (200 as long as the process answers), /readyz (200, or 503 with the
 * reasons), /status (JSON) and /status.txt over HTTP; anything else is 404.
 */
export class HttpEndpoint<Status extends object> {
  readonly #options: HttpEndpointOptions<Status>;
  #server: Server | undefined;

  constructor(options: HttpEndpointOptions<Status>) {
    this.#options = options;
  }

  /**
   * Resolves to where it listens, with the real port where 0 was asked for; to undefined when it is turned off. Rejects with
   * EndpointError when the address cannot be listened at.
   */
  async start(): Promise<Destination | undefined> {
    const { listen } = this.#options;
    if (listen === undefined) return undefined;
    const server = createServer(LIMITS, (request, response) => {
      answer(request, response, this.#options).catch(() =>
        send(response, 500, 'this could not be collected\n'),
      );
    });
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      // Later errors are failures to accept, for example without memory for a socket: the next scrape may work.
      server.on('error', (error: NodeJS.ErrnoException) => reject(listenError(listen, error)));
      server.listen({ host: listen.host, port: listen.port }, resolve);
    });
    this.#server = server;
    return { host: listen.host, port: (server.address() as AddressInfo).port };
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
}

async function answer<Status extends object>(
  request: IncomingMessage,
  response: ServerResponse,
  { registry, ready, status, statusText }: HttpEndpointOptions<Status>,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return send(response, 405, 'only GET and HEAD are served here\n');
  }
  switch (request.url?.split('?', 1)[0]) {
    case '/metrics':
      return send(response, 200, await registry.metrics(), registry.contentType);
    case '/healthz':
      return sendHealth(response, { ok: true, reasons: [] });
    case '/readyz':
      return sendHealth(response, ready());
    case '/status':
      return send(response, 200, `${JSON.stringify(status(), undefined, 2)}\n`, 'application/json');
    case '/status.txt':
      return send(response, 200, statusText(status()));
    default:
      return send(response, 404, 'here are /metrics, /healthz, /readyz, /status and /status.txt\n');
  }
}

function sendHealth(response: ServerResponse, { ok, reasons }: Health): void {
  send(response, ok ? 200 : 503, `${[ok ? 'ok' : 'not ok', ...reasons].join('\n')}\n`);
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body);
}

function listenError(listen: Destination, error: NodeJS.ErrnoException): EndpointError {
  const where = `metrics cannot listen at ${formatDestination(listen)}`;
  const what: Record<string, string> = {
    EADDRINUSE: 'the port is taken: choose another with metrics.listen, or stop the program that has it',
    EADDRNOTAVAIL: 'this machine does not have that address: correct metrics.listen',
    EACCES: 'permission denied: ports below 1024 need rights; choose a higher one with metrics.listen',
  };
  return new EndpointError(`${where}: ${what[error.code ?? ''] ?? error.message}`, { cause: error });
}
