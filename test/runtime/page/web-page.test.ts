import type { ServerResponse } from 'node:http';
import { createConnection } from 'node:net';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpEndpoint } from '../../../shared/runtime/observe/http-endpoint.ts';
import { WebPage, type WebPageOptions } from '../../../shared/runtime/page/web-page.ts';

const text = (type: string, content: string) => ({ type, read: async () => Buffer.from(content) });
const FILES = new Map([
  ['/', text('text/html', '<title>page</title>')],
  ['/page/main.js', text('text/javascript', 'code')],
]);
const PATHS = ['/', '/page/main.js', '/events', '/history'];

async function serve(options: Partial<WebPageOptions> = {}) {
  const asked: string[] = [];
  const feed = {
    isFull: false,
    open(page: ServerResponse, query: URLSearchParams) {
      asked.push(`${query}`);
      page.end('event: view\ndata: {}\n\n');
    },
  };
  const clock = () => performance.now();
  const answers = new Map([['/history', (query: URLSearchParams) => ({ asked: `${query}` })]]);
  const page = { host: '127.0.0.1', password: undefined, files: FILES, feed, answers, clock, ...options };
  const endpoint = new HttpEndpoint({
    listen: { host: '127.0.0.1', port: 0 },
    registry: new Registry(),
    ready: () => ({ ok: true, reasons: [] }),
    status: () => ({}),
    statusText: () => '',
    pages: new WebPage(page),
  });
  const { port } = (await endpoint.start())!;
  onTestFinished(() => endpoint.close());
  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers });
  return { ask, asked, port };
}

const basic = (login: string) => ({ authorization: `Basic ${Buffer.from(login).toString('base64')}` });

describe('the page of a program', () => {
  it.each(PATHS)('serves %s with a policy that allows nothing of others', async (path) => {
    const { ask } = await serve();
    const { status, headers } = await ask(path);
    expect(status).toBe(200);
    const policy = headers.get('content-security-policy');
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"])
      expect(policy).toContain(part);
    expect(policy).not.toContain('unsafe');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  it('tells what the page asks for', async () => {
    const { ask, asked } = await serve();
    expect(await (await ask('/history?after=77')).json()).toEqual({ asked: 'after=77' });
    const answer = await ask('/events?after=1234');
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(await answer.text()).toBe('event: view\ndata: {}\n\n');
    for (const query of ['', '?after=', '?after=x']) await (await ask(`/events${query}`)).text();
    expect(asked).toEqual(['after=1234', '', 'after=', 'after=x']);
  });

  it.each(PATHS)('refuses %s by another name (DNS rebinding)', async (path) => {
    const { port } = await serve();
    const socket = createConnection(port, '127.0.0.1');
    socket.end(`GET ${path} HTTP/1.1\r\nHost: attacker.example:${port}\r\nConnection: close\r\n\r\n`);
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1\.1 421 /);
  });

  it.each([
    ['cross-site', 403],
    ['same-site', 403],
    ['none', 403],
    ['same-origin', 200],
  ])('to a browser that asks for figures from %s answers %i', async (site, status) => {
    const { ask } = await serve();
    for (const path of ['/events', '/history'])
      expect((await ask(path, { 'Sec-Fetch-Site': site })).status).toBe(status);
  });

  it('only reads, and serves so many pages at a time', async () => {
    const { ask, port } = await serve({ feed: { isFull: true, open() {} } });
    expect((await ask('/events')).status).toBe(503);
    for (const path of PATHS)
      expect((await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST' })).status).toBe(405);
  });

  it('is not served without a password where others can reach it; metrics are, as before', async () => {
    const { ask } = await serve({ host: '0.0.0.0' });
    for (const path of PATHS) {
      const answer = await ask(path);
      expect([answer.status, await answer.text()]).toEqual([
        403,
        expect.stringContaining('metrics.password'),
      ]);
    }
    expect((await ask('/metrics')).status).toBe(200);
  });

  it.each(['0.0.0.0', '127.0.0.1'])('wants the password at %s, if there is one', async (host) => {
    const { ask } = await serve({ host, password: 'naïve: secret' });
    for (const path of PATHS) {
      const answer = await ask(path);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /);
      expect((await ask(path, basic('anybody:naïve: secret'))).status).toBe(200);
    }
    for (const authorization of ['Basic', 'Basic !', 'Bearer x', 'Basic eA=='])
      expect((await ask('/', { authorization })).status).toBe(401);
  });

  it('slows down whoever guesses it', async () => {
    const { ask } = await serve({ password: 'the right one' });
    const startMs = performance.now();
    const answers = await Promise.all([1, 2].map(() => ask('/', basic('x:wrong'))));
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
    expect(performance.now() - startMs).toBeGreaterThan(900);
  });
});
