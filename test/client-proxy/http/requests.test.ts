import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createRawServer, type Server as RawServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deferred } from '../../support/deferred.ts';
import { eventually } from '../../support/eventually.ts';
import { RawClient, type SocksBed } from '../socks5/socks-bed.ts';
import { answerTo, startHttp, statusOf } from './http-bed.ts';

let bed: SocksBed;
let origin: Server;
let port: number;
let serve: (request: IncomingMessage, response: ServerResponse) => void;
const raws: RawServer[] = [];

beforeEach(async () => {
  serve = (req: IncomingMessage, res: ServerResponse) => res.end(`${req.method} ${req.url}`);
  origin = createServer((req, res) => serve(req, res));
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  port = (origin.address() as { port: number }).port;
  bed = await startHttp();
});

afterEach(async () => {
  await bed.stop();
  origin.closeAllConnections();
  origin.close();
  for (const raw of raws.splice(0)) raw.close();
});

/** An origin that says these bytes to whatever it is asked, and records it. */
async function rawOrigin(answer: string, close = true): Promise<{ port: number; heard: () => string }> {
  let heard = '';
  const server = createRawServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      socket.write(answer, 'latin1');
      if (close) socket.end();
    });
  });
  raws.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as { port: number }).port, heard: () => heard };
}

describe('plain HTTP', () => {
  it('passes a request on in origin-form, with the Host of its target', async () => {
    const raw = await rawOrigin('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
    const answer = await answerTo(
      bed.port,
      `GET http://127.0.0.1:${raw.port}/a/../b?c=%20d HTTP/1.1\r\nHost: other.test\r\nConnection: close, X-Gone\r\n` +
        'Proxy-Connection: keep-alive\r\nTE: trailers\r\nX-Gone: 1\r\nX-Kept: 2\r\nProxy-Authorization: Basic YTpi\r\n\r\n',
    );
    expect(statusOf(answer)).toBe(200);
    expect(answer).toMatch(/\r\n\r\nhi$/);
    const lines = raw.heard().split('\r\n');
    expect(lines[0]).toBe('GET /a/../b?c=%20d HTTP/1.1');
    expect(lines.slice(1).filter((line) => line !== '')).toEqual([
      `Host: 127.0.0.1:${raw.port}`,
      'X-Kept: 2',
      'Connection: keep-alive',
    ]);
  });

  it('keeps both connections alive, and has many origins behind one', async () => {
    let connections = 0;
    origin.on('connection', () => connections++);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 5; i += 1) {
      expect(await get(`http://127.0.0.1:${port}/${i}`, agent)).toBe(`GET /${i}`);
    }
    agent.destroy();
    expect(connections).toBe(1);
    expect(bed.server.counters).toMatchObject({ accepted: 1, requests: { http: 5 } });
  });

  it.each(['NTLM', 'Negotiate'])('shares no connection that was logged in to by %s', async (scheme) => {
    const loggedIn = new Set<Socket>();
    serve = (req, res) => {
      if (req.headers.authorization?.startsWith(scheme)) loggedIn.add(req.socket);
      if (loggedIn.has(req.socket)) res.end('secret');
      else res.writeHead(401, { 'WWW-Authenticate': scheme }).end();
    };
    const url = `http://127.0.0.1:${port}/`;
    const [alice, eve] = [1, 2].map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
    expect(await get(url, alice, { authorization: `${scheme} abc=` })).toBe('secret');
    expect(await get(url, alice)).toBe('secret');
    expect(await exchange(url, eve)).toMatchObject({ status: 401, body: '' });
    expect(await get(url, alice)).toBe('secret');
    expect(loggedIn.size).toBe(1);
    alice?.destroy();
    eve?.destroy();
  });

  it('ends those of a client that has gone', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const closed = new Promise<void>((resolve) =>
      origin.once('connection', (socket: Socket) => socket.once('close', () => resolve())),
    );
    await get(`http://127.0.0.1:${port}/`, agent);
    const leftMs = performance.now();
    agent.destroy();
    await closed;
    // Nobody waits for the end of its time.
    expect(performance.now() - leftMs).toBeLessThan(3_000);
  });

  it('makes new ones when the rules have changed, also in place of those that were in use then', async () => {
    let connections = 0;
    origin.on('connection', () => connections++);
    const { promise, resolve } = deferred<void>();
    serve = (req, res) => void (req.url === '/slow' ? promise : Promise.resolve()).then(() => res.end('ok'));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const slow = get(`http://127.0.0.1:${port}/slow`, agent);
    await eventually(() => expect(connections).toBe(1));
    bed.server.judgeAnew();
    resolve();
    await slow;
    await get(`http://127.0.0.1:${port}/`, agent);
    await get(`http://127.0.0.1:${port}/`, agent);
    expect(connections).toBe(2);
    bed.server.judgeAnew();
    await get(`http://127.0.0.1:${port}/`, agent);
    agent.destroy();
    expect(connections).toBe(3);
  });

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
    ['DELETE', 200],
    ['PUT', 200],
    ['OPTIONS', 200],
    ['PROPFIND', 207],
  ])('answers without content leave the connection in order: %s %d', async (method, status) => {
    const seen: string[] = [];
    serve = (req, res) => {
      seen.push(
        `${req.method} ${req.headers['content-length'] ?? '-'} ${req.headers['transfer-encoding'] ?? '-'}`,
      );
      if (req.url === '/next') res.end('next');
      else
        res.writeHead(status, { ETag: '"a"', ...(method === 'HEAD' ? { 'Content-Length': 500 } : {}) }).end();
    };
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const answer = await exchange(`http://127.0.0.1:${port}/`, agent, method);
    expect(answer).toMatchObject({ status, body: '' });
    expect(await get(`http://127.0.0.1:${port}/next`, agent)).toBe('next');
    agent.destroy();
    expect(bed.server.counters.accepted).toBe(1);
    expect(seen[0]).toBe(`${method} ${['PUT', 'PROPFIND'].includes(method) ? '0' : '-'} -`);
  });

  it('begins again where an idle connection was closed by its origin', async () => {
    const sockets = new Set<Socket>();
    let requests = 0;
    origin.on('connection', (socket) => sockets.add(socket));
    serve = (_req: IncomingMessage, res: ServerResponse) => {
      // The second request on a connection meets its end.
      requests += 1;
      if (requests === 2) res.socket?.destroy();
      else res.end('ok');
    };
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await get(`http://127.0.0.1:${port}/`, agent)).toBe('ok');
    expect(await get(`http://127.0.0.1:${port}/`, agent)).toBe('ok');
    agent.destroy();
    expect([requests, sockets.size]).toEqual([3, 2]);
  });

  it.each(['content-length', 'chunked'])('streams contents both ways, byte for byte: %s', async (framing) => {
    serve = (req: IncomingMessage, res: ServerResponse) => {
      if (framing === 'content-length') res.setHeader('Content-Length', req.headers['content-length']!);
      req.pipe(res);
    };
    const sent = Buffer.alloc(8_000_000, 'abcdefghijklmnopqrstuvwxyz0123456789');
    const headers = framing === 'content-length' ? { 'Content-Length': sent.length } : {};
    const outgoing = request({
      host: '127.0.0.1',
      port: bed.port,
      method: 'POST',
      path: `http://127.0.0.1:${port}/`,
      headers,
    });
    for (let at = 0; at < sent.length; at += 100_000) outgoing.write(sent.subarray(at, at + 100_000));
    outgoing.end();
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of answer) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(sent)).toBe(true);
  });

  it('holds up an origin whose client does not read', async () => {
    let written = 0;
    serve = (_req: IncomingMessage, res: ServerResponse) => {
      const more = () => {
        while (written < 500_000_000 && res.write(Buffer.alloc(100_000))) written += 100_000;
      };
      res.on('drain', more);
      more();
    };
    const client = request({ host: '127.0.0.1', port: bed.port, path: `http://127.0.0.1:${port}/` });
    client.end();
    const [answer] = (await once(client, 'response')) as [IncomingMessage];
    answer.pause();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const after = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(written).toBe(after);
    expect(after).toBeLessThan(50_000_000);
    client.destroy();
  });

  it('has the origin say whether to continue', async () => {
    const answered = await rawOrigin('HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n', false);
    const head = (to: number) =>
      `PUT http://127.0.0.1:${to}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
    const refused = await answerTo(bed.port, head(answered.port));
    expect(statusOf(refused)).toBe(417);
    expect(answered.heard()).toMatch(/Expect: 100-continue/);
    serve = (req: IncomingMessage, res: ServerResponse) => req.pipe(res);
    const client = new RawClient(bed.port);
    await client.send(Buffer.from(head(port)));
    expect((await client.receive(25)).toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    await client.send(Buffer.from('hello'));
    expect((await client.receiveAll()).toString()).toMatch(/HTTP\/1\.1 200 OK[\s\S]*hello/);
  });

  it('passes interim answers on', async () => {
    const raw = await rawOrigin(
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    );
    const answer = await answerTo(
      bed.port,
      `GET http://127.0.0.1:${raw.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK/,
    );
  });

  it('answers ten requests that come at once in their order', async () => {
    const requests = Array.from({ length: 10 }, (_, i) => {
      const last = i === 9 ? 'Connection: close\r\n' : '';
      return `GET http://127.0.0.1:${port}/${i} HTTP/1.1\r\nHost: x\r\n${last}\r\n`;
    });
    const answer = await answerTo(bed.port, requests.join(''));
    expect([...answer.matchAll(/GET \/(\d)/g)].map(([, i]) => i).join('')).toBe('0123456789');
  });

  it('cuts off who sends hundreds without waiting', async () => {
    const { promise, resolve } = deferred<void>();
    serve = (_req: IncomingMessage, res: ServerResponse) => void promise.then(() => res.end());
    const one = `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n\r\n`;
    expect(await answerTo(bed.port, one.repeat(500))).toBe('');
    resolve();
    await eventually(() => expect(bed.server.counters.active).toBe(0));
  });

  it.each([
    ['answers short', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi', /^HTTP\/1\.1 200 OK[\s\S]*hi$/],
    ['answers no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', /^HTTP\/1\.1 502 /],
    ['closes', '', /^HTTP\/1\.1 502 /],
    [
      'has two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi',
      /^HTTP\/1\.1 502 /,
    ],
    [
      'switches protocols unasked',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      /^HTTP\/1\.1 502 /,
    ],
  ])('an origin that %s', async (_what, said, expected) => {
    const raw = await rawOrigin(said);
    expect(
      await answerTo(
        bed.port,
        `GET http://127.0.0.1:${raw.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      ),
    ).toMatch(expected);
    expect(await get(`http://127.0.0.1:${port}/next`)).toBe('GET /next');
  });

  it('says why an origin cannot be reached, and goes on', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const refused = await exchange('http://127.0.0.1:1/', agent);
    expect(refused).toMatchObject({ status: 502, proxyStatus: 'tributary; error=connection_refused' });
    expect(refused.body).toMatch(/^127\.0\.0\.1:1: The origin has refused/);
    expect(await exchange('http://192.0.2.1/', agent)).toMatchObject({ status: 403 });
    expect(await get(`http://127.0.0.1:${port}/next`, agent)).toBe('GET /next');
    agent.destroy();
    expect(bed.server.counters.accepted).toBe(1);
  });

  it('gives up with the client that has gone', async () => {
    const { promise: closed, resolve } = deferred<void>();
    serve = (req: IncomingMessage) => void req.socket.once('close', () => resolve());
    const client = new RawClient(bed.port);
    await client.send(Buffer.from(`GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n\r\n`));
    await eventually(() => expect(bed.server.counters.requests.http).toBe(1));
    client.destroy('reset');
    await closed;
    await eventually(() => expect(bed.server.counters.active).toBe(0));
  });

  it('takes HTTP/1.0', async () => {
    const answer = await answerTo(bed.port, `GET http://127.0.0.1:${port}/old HTTP/1.0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*GET \/old$/);
  });

  it('leaves out HTTP/2 over plain TCP, which a client may offer with any request', async () => {
    serve = (req: IncomingMessage, res: ServerResponse) => {
      res.setHeader('X-Upgrade', String(req.headers.upgrade));
      req.pipe(res);
    };
    const answer = await answerTo(
      bed.port,
      `POST http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n` +
        'HTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 5\r\n\r\nhello',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*X-Upgrade: undefined[\s\S]*hello/);
  });

  it('ends idle connections when it drains, and others behind their answer', async () => {
    const { promise, resolve } = deferred<void>();
    serve = (_req: IncomingMessage, res: ServerResponse) => void promise.then(() => res.end('late'));
    const ask = `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n\r\n`;
    const busy = new RawClient(bed.port);
    await busy.send(Buffer.from(ask));
    await eventually(() => expect(bed.server.counters.requests.http).toBe(1));
    const drained = bed.server.drain();
    resolve();
    expect((await busy.receiveAll()).toString()).toMatch(/late/);
    await drained;
  });
});

interface Answer {
  readonly status: number | undefined;
  readonly proxyStatus: string | undefined;
  readonly body: string;
}

async function exchange(
  url: string,
  agent?: Agent,
  method = 'GET',
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const outgoing = request({
    host: '127.0.0.1',
    port: bed.port,
    path: url,
    method,
    headers,
    ...(agent ? { agent } : {}),
  });
  outgoing.setHeader('Host', new URL(url).host);
  outgoing.end();
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  let body = '';
  for await (const part of answer) body += String(part);
  return {
    status: answer.statusCode,
    proxyStatus: answer.headers['proxy-status'] as string | undefined,
    body,
  };
}

async function get(url: string, agent?: Agent, headers?: Readonly<Record<string, string>>): Promise<string> {
  return (await exchange(url, agent, 'GET', headers)).body;
}
