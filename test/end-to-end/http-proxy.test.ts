import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Pair } from './support/pair.ts';

const BODY = randomBytes(5_000_000);

describe('HTTP through the pair', () => {
  let pair: Pair;
  let web: Server;
  let port: number;
  let connections = 0;
  let serve: (request: IncomingMessage, response: ServerResponse) => void;
  beforeAll(async () => {
    pair = await Pair.start({
      client: {
        // The harder case: by the time that the origin fails, the request has been sent.
        socks: { optimisticReply: 'always' },
        steering: {
          rules: [
            { host: 'ads.test', block: true },
            { host: 'bank.test', direct: 'left' },
            { cidr: '127.0.0.1/32', port: 9, direct: 'left' },
          ],
        },
      },
    });
    web = createServer((asked, response) => serve(asked, response));
    web.on('connection', () => connections++);
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    port = (web.address() as AddressInfo).port;
  });
  afterAll(async () => {
    web.closeAllConnections();
    web.close();
    await pair.close();
  });

  it('carries contents both ways, byte for byte, over one connection each', async () => {
    serve = (asked, response) => {
      const hash = createHash('sha256');
      asked.on('data', (bytes) => hash.update(bytes));
      asked.on('end', () => response.setHeader('X-Hash', hash.digest('hex')).end(BODY));
    };
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (const method of ['POST', 'GET', 'GET']) {
      const { status, headers, body } = await ask(`http://127.0.0.1:${port}/`, { agent, method });
      expect(status).toBe(200);
      expect(headers['x-hash']).toBe(sha256(method === 'POST' ? BODY : Buffer.alloc(0)));
      expect(body.equals(BODY)).toBe(true);
    }
    agent.destroy();
    // What must not be sent twice has a connection of its own.
    expect(connections).toBe(2);
    const metrics = await pair.metrics('client');
    expect(metrics.sum('tributary_application_requests_total', { protocol: 'http' })).toBe(3);
    expect(metrics.sum('tributary_stream_opens_total', { result: 'ok' })).toBe(2);
  });

  it.each([
    ['refuses', () => `http://${pair.refusing.host}:${pair.refusing.port}/`, 502, 'connection_refused'],
    ['may not be reached', () => 'http://127.0.0.99/', 403, 'http_request_denied'],
    ['is blocked by a rule', () => 'http://ads.test/', 403, 'http_request_denied'],
    ['is not reached directly', () => 'http://127.0.0.1:9/', 403, 'http_request_denied'],
  ])('says so of an origin that %s, though success was promised', async (_what, url, status, error) => {
    const answer = await ask(url());
    expect(answer.status).toBe(status);
    expect(answer.headers['proxy-status']).toBe(`tributary; error=${error}`);
  });

  it('resets what is cut off, so that nobody takes it for whole', async () => {
    serve = (_asked, response) => {
      response.setHeader('Content-Length', 1_000);
      response.write('some');
      setTimeout(() => response.destroy(), 100);
    };
    await expect(ask(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    serve = (_asked, response) => {
      response.write('some');
      setTimeout(() => response.destroy(), 100);
    };
    await expect(ask(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });

  it('leaves no stream behind, of whoever goes', async () => {
    serve = (_asked, response) => void response.write('never ends');
    const outgoing = request({ ...pair.socks, path: `http://127.0.0.1:${port}/` });
    outgoing.on('error', () => {});
    outgoing.end();
    await once(outgoing, 'response');
    outgoing.destroy();
    await vi.waitFor(
      async () => {
        const metrics = await pair.metrics('client');
        expect(metrics.sum('tributary_streams')).toBe(0);
        expect(metrics.sum('tributary_application_connections')).toBe(0);
      },
      { timeout: 10_000, interval: 200 },
    );
  });

  it('has the rules that lead directly in its file of proxy settings', async () => {
    const answer = await fetch(`http://${pair.host}:${pair.socks.port}/proxy.pac`);
    expect(answer.headers.get('content-type')).toBe('application/x-ns-proxy-autoconfig');
    const text = await answer.text();
    expect(text).toContain(`PROXY ${pair.host}:${pair.socks.port}`);
    expect(text).toContain('bank.test');
    expect(text).not.toContain('left');
    const page = await fetch(`http://${pair.host}:${pair.socks.port}/`);
    expect(await page.text()).toMatch(/This is the port of tributary-client/);
  });

  it('lets idle connections go when it ends', async () => {
    serve = (_asked, response) => response.end('ok');
    const agent = new Agent({ keepAlive: true });
    await ask(`http://127.0.0.1:${port}/`, { agent });
    const startMs = performance.now();
    await pair.client.stop();
    expect(performance.now() - startMs).toBeLessThan(5_000);
    agent.destroy();
  });

  async function ask(url: string, { agent, method = 'GET' }: { agent?: Agent; method?: string } = {}) {
    const outgoing = request({ ...pair.socks, path: url, method, ...(agent ? { agent } : {}) });
    // What comes behind the answer is told by the answer.
    outgoing.on('error', () => {});
    outgoing.setHeader('Host', new URL(url).host);
    outgoing.end(method === 'POST' ? BODY : undefined);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of answer) parts.push(part as Buffer);
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) };
  }
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
