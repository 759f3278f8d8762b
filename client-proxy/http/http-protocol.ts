import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';
import type { ConnectRequest } from '../front/connect-request.ts';
import type { FrontClient, FrontProtocol } from '../front/front-protocol.ts';
import { ClientStream } from './client-stream.ts';
import type { OriginAgents } from './exchange.ts';
import { asksForWebSocket, HttpConnection, IDLE_MS } from './http-connection.ts';
import { OriginAgent } from './origin-agent.ts';

export interface HttpProtocolOptions {
  /** Gets a request for each connection with an origin that plain HTTP needs. */
  readonly onRequest: (request: ConnectRequest) => void;
  /** Makes the file of proxy settings, for the proxy's address as the client knows it. */
  readonly pacFor: (proxy: Destination) => string;
}

/** As much as origins take, with some cookies to spare. */
const MAX_HEAD_BYTES = 32 * 1024;

/**
 * HTTP as a proxy is spoken to: CONNECT, and requests for http:// URLs. Node's own server parses; it listens nowhere. The
 * time for the first head is that of the negotiation.
 */
export class HttpProtocol implements FrontProtocol {
  readonly name = 'HTTP';
  readonly #server: Server;
  readonly #agents: OriginAgents;
  readonly #pacFor: (proxy: Destination) => string;
  readonly #connections = new Map<Duplex, HttpConnection>();

  constructor({ onRequest, pacFor }: HttpProtocolOptions) {
    this.#pacFor = pacFor;
    this.#agents = {
      shared: new OriginAgent({ keepAlive: true }, onRequest),
      single: new OriginAgent({ keepAlive: false }, onRequest),
    };
    const options = {
      maxHeaderSize: MAX_HEAD_BYTES,
      keepAliveTimeout: IDLE_MS,
      // From Node 24.9 on. Before, `HttpConnection.onUpgrade` has the others parsed again.
      shouldUpgradeCallback: asksForWebSocket,
    };
    const server = createServer(options);
    // Their size bounds them. Beyond a number, Node would leave some out.
    server.maxHeadersCount = 0;
    const onExchange = (request: IncomingMessage, response: ServerResponse) =>
      this.#connections.get(request.socket)?.onRequest(request, response);
    server.on('request', onExchange);
    // The origin says whether to continue, and what it makes of other expectations.
    server.on('checkContinue', onExchange);
    server.on('checkExpectation', onExchange);
    server.on('connect', (request, stream, head) => this.#connections.get(stream)?.onConnect(request, head));
    server.on('upgrade', (request, stream, head) => this.#connections.get(stream)?.onUpgrade(request, head));
    server.on('clientError', (error, stream) => this.#connections.get(stream)?.onMalformed(error));
    this.#server = server;
  }

  /** Methods are upper-case letters; the parser looks at the rest. */
  startsWith(firstByte: number): boolean {
    return firstByte >= 0x41 && firstByte <= 0x5a;
  }

  begin(client: FrontClient): AppSocketHandlers {
    const stream = new ClientStream(client.socket);
    const connection = new HttpConnection(client, stream, {
      agents: this.#agents,
      pacFor: this.#pacFor,
      parseAgain: (again) => void this.#server.emit('connection', again),
    });
    this.#connections.set(stream, connection);
    stream.once('close', () => this.#connections.delete(stream));
    this.#server.emit('connection', stream);
    return stream;
  }

  drain(): void {
    for (const connection of this.#connections.values()) connection.drain();
    this.judgeAnew();
  }

  /** Each next request gets a connection by the rules of now, and on the way of now. */
  judgeAnew(): void {
    this.#agents.shared.renew();
  }
}
