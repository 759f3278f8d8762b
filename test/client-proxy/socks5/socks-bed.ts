import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import pino from 'pino';
import type { ConnectRequest } from '../../../client-proxy/front/connect-request.ts';
import { FrontDoor, type FrontDoorOptions } from '../../../client-proxy/front/front-door.ts';
import { SOCKS4 } from '../../../client-proxy/socks4/socks4.ts';
import { SOCKS5 } from '../../../client-proxy/socks5/socks5.ts';
import { acceptPlainAppSockets } from '../../support/plain-app-socket.ts';

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const fromHex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** RFC 1928 request bytes: CONNECT to a port of 127.0.0.1. */
export function connectRequest(port: number): Buffer {
  return Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 0xff]);
}

export const NO_AUTH_GREETING = fromHex('05 01 00');
export const SUCCESS = '05000001000000000000';

export interface SocksBed {
  readonly server: FrontDoor;
  readonly port: number;
  /** Log lines, JSON. */
  readonly log: readonly string[];
  stop(): Promise<void>;
}

/** A front door on a free port of 127.0.0.1. */
export async function startSocks(options: Partial<FrontDoorOptions>): Promise<SocksBed> {
  const log: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => log.push(line) });
  const server = new FrontDoor({
    protocols: [SOCKS5, SOCKS4],
    users: [],
    clock: () => performance.now(),
    logger,
    onRequest: dialDirectly,
    onBind: (request) => request.fail('notAuthorized'),
    onAssociate: (request) => request.fail('notAuthorized'),
    ...options,
  });
  const listener = await acceptPlainAppSockets((socket) => server.handle(socket));
  return {
    server,
    port: listener.port,
    log,
    stop: async () => {
      await server.close();
      await listener.close();
    },
  };
}

/** Serves a request by connecting to the origin from here, strictly: success is answered when connected. */
export function dialDirectly(request: ConnectRequest): void {
  const { host, port } = request.destination;
  if (host !== '127.0.0.1' && host !== '::1' && host !== 'localhost') {
    request.fail('notAuthorized');
    return;
  }
  const origin = connect({ host, port, allowHalfOpen: true, autoSelectFamily: true });
  const refused = () => request.fail('connectionRefused');
  origin.once('error', refused);
  request.onAbandoned(() => origin.destroy());
  origin.once('connect', () => {
    origin.off('error', refused);
    request.succeed();
    relay(request, origin);
  });
}

function relay({ socket, earlyData }: ConnectRequest, origin: Socket): void {
  origin.on('error', () => socket.destroy('reset'));
  for (const bytes of earlyData) origin.write(bytes);
  socket.setHandlers({
    onChunk: (chunk) => {
      socket.pause();
      origin.write(chunk.bytes, () => {
        chunk.release();
        socket.resume();
      });
    },
    onEnd: () => origin.end(),
    onDrain: () => origin.resume(),
    onClose: () => origin.destroy(),
  });
  origin.on('data', (bytes: Buffer) => {
    if (!socket.write([bytes])) origin.pause();
  });
  origin.on('end', () => socket.end());
  socket.resume();
}

/** An origin that sends back what it gets, and ends when its client has. */
export async function startEcho(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return { port, stop: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** A client that writes bytes and keeps what comes back. */
export class RawClient {
  readonly #socket: Socket;
  readonly #ended: Promise<void>;
  #received = Buffer.alloc(0);
  #onData: (() => void) | undefined;
  #over = false;

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    this.#socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#onData?.();
    });
    this.#ended = new Promise((resolve) => {
      const over = () => {
        this.#over = true;
        this.#onData?.();
        resolve();
      };
      this.#socket.once('end', over);
      // A reset ends the connection as well as FIN does.
      this.#socket.once('error', over);
      this.#socket.once('close', over);
    });
  }

  get isOver(): boolean {
    return this.#over;
  }

  send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  end(): void {
    this.#socket.end();
  }

  destroy(how?: 'reset'): void {
    if (how === 'reset') this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  /** The first `count` bytes, once they have come. */
  async receive(count: number): Promise<Buffer> {
    while (this.#received.length < count && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#onData = resolve;
      });
    }
    return this.#received.subarray(0, count);
  }

  /** Everything that came until the server closed; closes this side too. */
  async receiveAll(): Promise<Buffer> {
    await this.#ended;
    this.#socket.destroy();
    return this.#received;
  }
}

/** Whether a well-behaved client gets its bytes echoed through the proxy. */
export async function echoes(socksPort: number, originPort: number, text: string): Promise<string> {
  const client = new RawClient(socksPort);
  await client.send(Buffer.concat([NO_AUTH_GREETING, connectRequest(originPort), Buffer.from(text)]));
  client.end();
  const received = await client.receiveAll();
  return received.subarray(2 + 10).toString();
}
