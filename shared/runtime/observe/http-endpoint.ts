import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { type Destination, formatDestination } from '../../protocol/destination.ts';
import { TributaryError } from '../../protocol/errors.ts';

/** A health report, for a person: when not ok, the reasons; details in any case. */
export interface Health {
  readonly ok: boolean;
  readonly reasons: readonly string[];
}

/** What a program does now: one object for programs, rendered for people. Never with secrets in it. */
export interface StatusReport {
  readonly json: object;
  text(): string;
}

export interface HttpEndpointOptions {
  readonly listen: Destination;
  readonly registry: Registry;
  /** Whether the process works at all; if not, it should be restarted. */
  readonly health: () => Health;
  /** Whether it can serve now, for instance whether an uplink is up. */
  readonly ready: () => Health;
  readonly status: () => StatusReport;
}

export interface HttpEndpoint {
  /** Where it listens; the port is the real one also when 0 was asked for. */
  readonly address: Destination;
  /** Stops listening and cuts what is open. */
  close(): Promise<void>;
}

/** The endpoint cannot listen at its address. */
export class EndpointError extends TributaryError {
  constructor(message: string, options?: ErrorOptions) {
    super('internalError', message, 'ours', options);
  }
}

// A scraper or two, a health checker, a person.
const MAX_CONNECTIONS = 32;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 8 * 1024;

/**
 * Serves /metrics (Prometheus text), /healthz and /readyz (200, or 503 with the reasons), /status (JSON) and /status.txt
 * over HTTP; anything else is 404. Throws EndpointError when the address cannot be listened at.
 */
export async function startHttpEndpoint(options: HttpEndpointOptions): Promise<HttpEndpoint> {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // How late the two above may be noticed.
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: REQUEST_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => {
      answer(request, response, options).catch(() => send(response, 500, 'this could not be collected\n'));
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  const { host, port } = options.listen;
  await new Promise<void>((resolve, reject) => {
    // Later errors are failures to accept, for example without memory for a socket: the next scrape may work.
    server.on('error', (error: NodeJS.ErrnoException) => reject(listenError(options.listen, error)));
    server.listen({ host, port }, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    address: { host, port: bound },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { registry, health, ready, status }: HttpEndpointOptions,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return send(response, 405, 'only GET and HEAD are served here\n');
  }
  switch (request.url?.split('?', 1)[0]) {
    case '/metrics':
      return send(response, 200, await registry.metrics(), registry.contentType);
    case '/healthz':
      return sendHealth(response, health());
    case '/readyz':
      return sendHealth(response, ready());
    case '/status':
      return send(response, 200, `${JSON.stringify(status().json, undefined, 2)}\n`, 'application/json');
    case '/status.txt':
      return send(response, 200, status().text());
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
