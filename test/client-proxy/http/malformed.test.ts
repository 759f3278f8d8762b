import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { RawClient, type SocksBed } from '../socks5/socks-bed.ts';
import { answerTo, startHttp, statusOf } from './http-bed.ts';

const USERS = [{ name: 'ada', password: 'love:lace' }];

let bed: SocksBed;
let origin: Server;
let port: number;
let heard: string;

beforeEach(async () => {
  heard = '';
  origin = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  port = (origin.address() as { port: number }).port;
});

afterEach(async () => {
  await bed.stop();
  origin.close();
});

/** A POST with these header lines, and a second request hidden in its content as some would see it. */
const post = (lines: string, content: string, version = '1.1') =>
  `POST http://127.0.0.1:${port}/ HTTP/${version}\r\nHost: 127.0.0.1:${port}\r\n${lines}\r\n\r\n${content}`;
const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n';

describe('requests that may be understood in two ways', () => {
  it.each<[name: string, request: () => string, status: number]>([
    [
      'both lengths',
      () => post('Content-Length: 5\r\nTransfer-Encoding: chunked', `0\r\n\r\n${HIDDEN}`),
      400,
    ],
    [
      'both, the other way',
      () => post('Transfer-Encoding: chunked\r\nContent-Length: 5', `0\r\n\r\n${HIDDEN}`),
      400,
    ],
    ['two lengths', () => post('Content-Length: 5\r\nContent-Length: 6', `hello${HIDDEN}`), 400],
    ['the same length twice', () => post('Content-Length: 5\r\nContent-Length: 5', `hello${HIDDEN}`), 400],
    ['a list of lengths', () => post('Content-Length: 5, 5', `hello${HIDDEN}`), 400],
    ['a signed length', () => post('Content-Length: +5', `hello${HIDDEN}`), 400],
    ['a negative length', () => post('Content-Length: -5', `hello${HIDDEN}`), 400],
    ['a hexadecimal length', () => post('Content-Length: 0x5', `hello${HIDDEN}`), 400],
    ['an endless length', () => post(`Content-Length: ${'9'.repeat(30)}`, HIDDEN), 400],
    ['an empty length', () => post('Content-Length: ', HIDDEN), 400],
    ['blank before the colon', () => post('Content-Length : 5', `hello${HIDDEN}`), 400],
    [
      'blank before the colon of the coding',
      () => post('Transfer-Encoding : chunked', `0\r\n\r\n${HIDDEN}`),
      400,
    ],
    ['a tab before the colon', () => post('Transfer-Encoding\t: chunked', `0\r\n\r\n${HIDDEN}`), 400],
    ['a coding that is none', () => post('Transfer-Encoding: xchunked', `0\r\n\r\n${HIDDEN}`), 400],
    ['chunked, then another', () => post('Transfer-Encoding: chunked, identity', `0\r\n\r\n${HIDDEN}`), 400],
    ['another, then chunked', () => post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'), 501],
    ['chunked twice', () => post('Transfer-Encoding: chunked, chunked', '0\r\n\r\n'), 400],
    [
      'two codings in two lines',
      () => post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', `0\r\n\r\n${HIDDEN}`),
      400,
    ],
    [
      'a vertical tab before chunked',
      () => post('Transfer-Encoding: \x0bchunked', `0\r\n\r\n${HIDDEN}`),
      400,
    ],
    ['chunked in quotes', () => post('Transfer-Encoding: "chunked"', `0\r\n\r\n${HIDDEN}`), 400],
    ['chunked in HTTP/1.0', () => post('Transfer-Encoding: chunked', '0\r\n\r\n', '1.0'), 400],
    ['obs-fold', () => post('X-A: b\r\n c: d', ''), 400],
    ['obs-fold of the coding', () => post('Transfer-Encoding:\r\n chunked', `0\r\n\r\n${HIDDEN}`), 400],
    [
      'a fold before the first line',
      () => `GET http://127.0.0.1:${port}/ HTTP/1.1\r\n Host: x\r\nHost: y\r\n\r\n`,
      400,
    ],
    ['bare LF', () => `GET http://127.0.0.1:${port}/ HTTP/1.1\nHost: x\n\n`, 400],
    ['bare LF in one line', () => post('X-A: b\nContent-Length: 5', `hello${HIDDEN}`), 400],
    ['bare CR in a value', () => post('X-A: b\rContent-Length: 5', HIDDEN), 400],
    ['NUL in a value', () => post('X-A: b\0c', ''), 400],
    ['NUL in a name', () => post('X\0A: b', ''), 400],
    ['a name with a blank', () => post('X A: b', ''), 400],
    ['no name', () => post(': b', ''), 400],
    ['a line without a colon', () => post('X-A', ''), 400],
    ['two hosts', () => `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`, 400],
    ['no host', () => `GET http://127.0.0.1:${port}/ HTTP/1.1\r\n\r\n`, 400],
    ['HTTP/0.9', () => `GET http://127.0.0.1:${port}/\r\n\r\n`, 400],
    ['HTTP/2.0', () => `GET http://127.0.0.1:${port}/ HTTP/2.0\r\nHost: x\r\n\r\n`, 400],
    ['HTTP/1.10', () => `GET http://127.0.0.1:${port}/ HTTP/1.10\r\nHost: x\r\n\r\n`, 400],
    ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['a method that is none', () => `GE(T http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n\r\n`, 400],
    ['a blank in the target', () => `GET http://127.0.0.1:${port}/a b HTTP/1.1\r\nHost: x\r\n\r\n`, 400],
    ['https', () => 'GET https://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n', 501],
    ['ftp', () => 'GET ftp://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n', 501],
    ['a user in the URL', () => `GET http://a:b@127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n\r\n`, 400],
    ['port 0', () => 'GET http://127.0.0.1:0/ HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['port 65536', () => 'GET http://127.0.0.1:65536/ HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['no host in the URL', () => 'GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['an address with a zone', () => 'GET http://[fe80::1%25eth0]/ HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['no URL', () => 'GET example.org HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['the asterisk', () => 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    [
      'a head without end',
      () => `GET http://127.0.0.1:${port}/ HTTP/1.1\r\n${'X-Filler: 0123456789\r\n'.repeat(4_000)}`,
      431,
    ],
    ['a long target', () => `GET http://127.0.0.1:${port}/${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`, 431],
    ['CONNECT without a port', () => 'CONNECT example.org HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['CONNECT to port 0', () => 'CONNECT 127.0.0.1:0 HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['CONNECT to a URL', () => 'CONNECT http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    [
      'CONNECT with content',
      () => `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`,
      400,
    ],
    [
      'CONNECT with a coding',
      () => `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
  ])('%s: refused, and the origin hears nothing', async (_name, request, status) => {
    bed = await startHttp();
    expect(statusOf(await answerTo(bed.port, request()))).toBe(status);
    expect(heard).toBe('');
    expect(bed.server.counters.requests).toMatchObject({ http: 0, connect: 0 });
    await eventually(() => expect(bed.server.counters.active).toBe(0));
  });

  it.each<[name: string, content: string]>([
    ['a size that is none', 'zz\r\nhello\r\n0\r\n\r\n'],
    ['a negative size', '-5\r\nhello\r\n0\r\n\r\n'],
    ['an endless size', `${'f'.repeat(20)}\r\nhello`],
    ['a chunk that is longer than it says', '3\r\nhello\r\n0\r\n\r\n'],
    ['bare LF behind a size', '5\nhello\r\n0\r\n\r\n'],
    ['bare CR in an extension', '5;a\rb\r\nhello\r\n0\r\n\r\n'],
  ])('chunks: %s: the origin never sees the end of the request', async (_name, content) => {
    bed = await startHttp();
    await answerTo(bed.port, post('Transfer-Encoding: chunked', content + HIDDEN));
    expect(heard).not.toMatch(/\r\n0\r\n\r\n|hidden/);
  });

  it('what is passed on has one length, and nothing behind it', async () => {
    bed = await startHttp();
    await answerTo(
      bed.port,
      post(
        'Transfer-Encoding: chunked\r\nConnection: close',
        `5;a=b\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n${HIDDEN}`,
      ),
    );
    expect(heard).toMatch(/\r\nTransfer-Encoding: chunked\r\n[\s\S]*\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/);
    expect(heard).not.toMatch(/Content-Length|hidden/);
  });
});

describe('logins', () => {
  const basic = (text: string) => `Proxy-Authorization: Basic ${Buffer.from(text).toString('base64')}\r\n`;
  const ask = (login: string) =>
    `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n${login}Connection: close\r\n\r\n`;
  const tunnel = (login: string) => `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n${login}\r\n`;

  it.each([
    ['none', '', 'noCredentials'],
    ['a wrong password', basic('ada:lovelane'), 'badCredentials'],
    ['an unknown user', basic('eve:love:lace'), 'badCredentials'],
    ['no colon', basic('ada'), 'noCredentials'],
    ['another scheme', 'Proxy-Authorization: Digest username="ada"\r\n', 'noCredentials'],
    ['no base64', 'Proxy-Authorization: Basic %%%\r\n', 'noCredentials'],
    ['two', basic('ada:love:lace').repeat(2), 'noCredentials'],
    ['a long name', basic(`${'a'.repeat(300)}:b`), 'badCredentials'],
  ] as const)('%s: 407', async (_name, login, reason) => {
    bed = await startHttp({ users: USERS });
    const answer = await answerTo(bed.port, ask(login));
    expect(statusOf(answer)).toBe(407);
    expect(answer).toMatch(/\r\nProxy-Authenticate: Basic realm="Tributary", charset="UTF-8"\r\n/);
    expect(bed.server.counters.failedNegotiation[reason]).toBe(1);
    await bed.stop();
    bed = await startHttp({ users: USERS });
    expect(statusOf(await answerTo(bed.port, tunnel(login)))).toBe(407);
    expect(bed.server.counters.failedNegotiation[reason]).toBe(1);
    expect(heard).toBe('');
    expect(bed.log.join('')).not.toMatch(/lovelane|love:lace/);
  });

  it('right ones pass, and go to nobody else', async () => {
    bed = await startHttp({ users: USERS });
    expect(statusOf(await answerTo(bed.port, ask(basic('ada:love:lace'))))).toBe(200);
    expect(heard).toMatch(/^GET \/ /);
    expect(heard).not.toMatch(/authorization/i);
    const client = new RawClient(bed.port);
    await client.send(Buffer.from(`${tunnel(basic('ada:love:lace'))}GET / HTTP/1.1\r\n\r\n`));
    expect((await client.receive(60)).toString()).toMatch(
      /^HTTP\/1\.1 200 Connection established\r\n\r\nHTTP\/1\.1 200 OK/,
    );
    client.destroy();
  });

  it('guesses are checked one a second from one address, however they come', async () => {
    bed = await startHttp({ users: USERS });
    const startMs = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        answerTo(bed.port, (i % 2 ? ask : tunnel)(basic(`ada:guess${i}`))),
      ),
    );
    const seconds = (performance.now() - startMs) / 1_000;
    const { badCredentials, tooManyLogins } = bed.server.counters.failedNegotiation;
    expect(badCredentials).toBeLessThanOrEqual(1 + Math.ceil(seconds));
    expect(answers.filter((answer) => statusOf(answer) === 429)).toHaveLength(tooManyLogins);
    expect(badCredentials + tooManyLogins).toBe(40);
  });

  it('are asked for once on a connection', async () => {
    bed = await startHttp({ users: USERS });
    const keepAlive = `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n${basic('ada:love:lace')}\r\n`;
    expect(statusOf(await answerTo(bed.port, ask(basic('ada:no'))))).toBe(407);
    const startMs = performance.now();
    await answerTo(bed.port, keepAlive.repeat(5) + ask(basic('ada:love:lace')));
    expect(heard.match(/GET/g)).toHaveLength(6);
    expect(performance.now() - startMs).toBeLessThan(4_000);
  });
});

describe('time', () => {
  it.each([
    ['a head that stalls', 'GET http://127.0.0.1/ HTTP/1.1\r\nHo'],
    ['a CONNECT that stalls', 'CONNECT 127.0.0.1:80 HTTP/1.1\r\n'],
  ])('%s ends with the negotiation', async (_name, text) => {
    bed = await startHttp({ negotiationTimeoutMs: 100 });
    expect(await answerTo(bed.port, text)).toBe('');
    expect(bed.server.counters.failedNegotiation.timeout).toBe(1);
    await eventually(() => expect(bed.server.counters.active).toBe(0));
  });

  it('a request has as long as its origin needs', async () => {
    bed = await startHttp({ negotiationTimeoutMs: 100 });
    origin.removeAllListeners('connection');
    origin.on('connection', (socket) => {
      socket.on('error', () => {});
      setTimeout(() => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate'), 400);
    });
    const answer = await answerTo(
      bed.port,
      `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/late$/);
  });

  it('what ends in the middle of a head is no request', async () => {
    bed = await startHttp();
    expect(await answerTo(bed.port, 'GET http://127.0.0.1/ HTTP/1.1\r\nHo', true)).toBe('');
    expect(bed.server.counters.failedNegotiation.clientClosed).toBe(1);
  });
});
