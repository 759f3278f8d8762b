import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectRequest } from '../../../client-proxy/front/connect-request.ts';
import { deferred } from '../../support/deferred.ts';
import { eventually } from '../../support/eventually.ts';
import { dialDirectly, RawClient, type SocksBed, startEcho } from '../socks5/socks-bed.ts';
import { answerTo, startHttp, statusOf } from './http-bed.ts';

let bed: SocksBed;
let echo: Awaited<ReturnType<typeof startEcho>>;

beforeEach(async () => {
  echo = await startEcho();
});

afterEach(async () => {
  await bed.stop();
  await echo.stop();
});

const CONNECTED = 'HTTP/1.1 200 Connection established\r\n\r\n';
const head = (host: string, port: number, more = '') =>
  `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;

describe('CONNECT', () => {
  it.each([
    ['a head and nothing behind it', '', ''],
    ['early data', 'early', ''],
    ['early data and more', 'early', ' and late'],
  ])('%s', async (_what, early, late) => {
    bed = await startHttp();
    const client = new RawClient(bed.port);
    await client.send(Buffer.from(head('127.0.0.1', echo.port) + early));
    await client.receive(CONNECTED.length);
    await client.send(Buffer.from(`${late}.`));
    client.end();
    expect((await client.receiveAll()).toString()).toBe(`${CONNECTED}${early}${late}.`);
    expect(bed.server.counters.requests.connect).toBe(1);
    await eventually(() => expect(bed.server.counters.active).toBe(0));
  });

  it('keeps what comes with the head, and the end behind it', async () => {
    bed = await startHttp();
    const sent = Buffer.alloc(300_000, 'abcdefghij');
    const client = new RawClient(bed.port);
    void client.send(Buffer.concat([Buffer.from(head('127.0.0.1', echo.port)), sent]));
    client.end();
    const received = await client.receiveAll();
    expect(received.subarray(CONNECTED.length).equals(sent)).toBe(true);
  });

  it('takes a head byte by byte, and one of HTTP/1.0 without Host', async () => {
    bed = await startHttp();
    const client = new RawClient(bed.port);
    for (const byte of Buffer.from(`CONNECT 127.0.0.1:${echo.port} HTTP/1.0\r\n\r\nslow`)) {
      await client.send(Uint8Array.of(byte));
    }
    client.end();
    expect((await client.receiveAll()).toString()).toBe(`${CONNECTED}slow`);
  });

  it.each([
    ['connectionRefused', 502, 'connection_refused'],
    ['nameNotFound', 502, 'dns_error'],
    ['notAuthorized', 403, 'http_request_denied'],
    ['timedOut', 504, 'connection_timeout'],
    ['uplinksLost', 503, 'proxy_internal_error'],
    ['resourceExceeded', 503, 'connection_limit_reached'],
    ['internalError', 500, 'proxy_internal_error'],
  ] as const)('%s: %d', async (error, status, proxyError) => {
    bed = await startHttp({ onRequest: (asked) => asked.fail(error) });
    const answer = await answerTo(bed.port, head('example.org', 443));
    expect(statusOf(answer)).toBe(status);
    expect(answer).toMatch(`Proxy-Status: tributary; error=${proxyError}\r\n`);
    expect(answer).toMatch(/\r\n\r\nexample\.org:443: .*\.\n$/);
  });

  it.each([
    ['[::1]', '::1'],
    ['EXAMPLE.org', 'EXAMPLE.org'],
    ['my_host.example.org.', 'my_host.example.org.'],
  ])('reads the host %s', async (written, host) => {
    const { promise, resolve } = deferred<ConnectRequest>();
    bed = await startHttp({
      onRequest: (asked) => {
        resolve(asked);
        asked.fail('timedOut');
      },
    });
    await answerTo(bed.port, head(written, 443));
    expect((await promise).destination).toEqual({ host, port: 443 });
  });

  it('tells that the client has left before its answer', async () => {
    const { promise, resolve } = deferred<ConnectRequest>();
    bed = await startHttp({ onRequest: resolve });
    const client = new RawClient(bed.port);
    await client.send(Buffer.from(head('127.0.0.1', 1)));
    const asked = await promise;
    const { promise: gone, resolve: onGone } = deferred<void>();
    asked.onAbandoned(onGone);
    client.end();
    await gone;
    asked.succeed();
    expect(statusOf((await client.receiveAll()).toString())).toBe(502);
  });

  it('comes behind plain requests on the same connection, once these are answered', async () => {
    const web = createServer((_request, response) => response.end('plain'));
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    bed = await startHttp();
    const client = new RawClient(bed.port);
    const { port } = web.address() as { port: number };
    await client.send(Buffer.from(`GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n\r\n`));
    await eventually(async () => expect((await client.receive(1)).length).toBe(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await client.send(Buffer.from(`${head('127.0.0.1', echo.port)}tunnel`));
    client.end();
    expect((await client.receiveAll()).toString()).toMatch(
      /^HTTP\/1\.1 200 OK[\s\S]*plain[\s\S]*established\r\n\r\ntunnel$/,
    );
    web.close();
  });

  it('hands the connection itself over: nothing of HTTP is left on it', async () => {
    const { promise, resolve } = deferred<ConnectRequest>();
    bed = await startHttp({
      onRequest: (asked) => {
        resolve(asked);
        dialDirectly(asked);
      },
    });
    const sent = Buffer.alloc(4_000_000, 'GET / HTTP/1.1\r\n\r\n');
    const socket = connect({ host: '127.0.0.1', port: bed.port, allowHalfOpen: true });
    socket.write(head('127.0.0.1', echo.port));
    socket.end(sent);
    const parts: Buffer[] = [];
    for await (const part of socket) parts.push(part as Buffer);
    expect(Buffer.concat(parts).subarray(CONNECTED.length).equals(sent)).toBe(true);
    expect((await promise).socket.constructor.name).toBe('ClientSocket');
  });
});

describe('WebSocket', () => {
  let web: Server;
  let port: number;
  beforeEach(async () => {
    web = createServer((_request, response) => response.writeHead(426, { Connection: 'close' }).end('no'));
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    port = (web.address() as { port: number }).port;
    bed = await startHttp();
  });
  afterEach(() => {
    web.closeAllConnections();
    web.close();
  });

  const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const ask = (more = '') =>
    request({
      host: '127.0.0.1',
      port: bed.port,
      path: `http://127.0.0.1:${port}/chat${more}`,
      headers: {
        Host: 'x',
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': 'a2V5',
        'Sec-WebSocket-Version': 13,
      },
    });

  it('is passed on, with all that is said behind the handshake', async () => {
    web.on('upgrade', (asked, socket) => {
      const accept = createHash('sha1')
        .update(`${asked.headers['sec-websocket-key']}${GUID}`)
        .digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nX-Path: ${asked.url} ${asked.headers.host}\r\n\r\nfirst `,
      );
      socket.pipe(socket);
    });
    const client = ask();
    client.end();
    const [answer, socket, first] = await once(client, 'upgrade');
    expect(answer.headers['sec-websocket-accept']).toBe(
      createHash('sha1').update(`a2V5${GUID}`).digest('base64'),
    );
    expect(answer.headers['x-path']).toBe(`/chat 127.0.0.1:${port}`);
    const sent = Buffer.alloc(1_000_000, 'frame ');
    socket.end(sent);
    const parts: Buffer[] = [first];
    for await (const part of socket) parts.push(part);
    expect(Buffer.concat(parts).equals(Buffer.concat([Buffer.from('first '), sent]))).toBe(true);
    await eventually(() => expect(bed.server.counters.active).toBe(0));
  });

  it('may be refused by its origin', async () => {
    const client = ask();
    client.end();
    const [answer] = await once(client, 'response');
    expect(answer.statusCode).toBe(426);
    let body = '';
    for await (const part of answer) body += part;
    expect(body).toBe('no');
    await eventually(() => expect(bed.server.counters.active).toBe(0));
  });

  it('ends with either side', async () => {
    const { promise, resolve } = deferred<void>();
    web.on('upgrade', (_asked, socket) => {
      socket.on('error', () => {});
      socket.on('end', () => resolve());
      socket.resume();
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    });
    const client = ask();
    client.end();
    const [, socket] = await once(client, 'upgrade');
    socket.resetAndDestroy();
    await promise;
    await eventually(() => expect(bed.server.counters.active).toBe(0));
  });
});
