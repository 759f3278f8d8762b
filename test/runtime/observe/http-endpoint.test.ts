import type { Server } from 'node:http';
import { createConnection, createServer } from 'node:net';
import { Gauge, Registry } from 'prom-client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { registerBuildInfo } from '../../../shared/runtime/observe/build-info.ts';
import {
  EndpointError,
  type Health,
  HttpEndpoint,
  type HttpEndpointOptions,
} from '../../../shared/runtime/observe/http-endpoint.ts';

/** The server of the newest endpoint. */
let server: Server | undefined;
vi.mock('node:http', async (original) => {
  const http = await original<typeof import('node:http')>();
  const createServer = (...args: Parameters<typeof http.createServer>) => {
    server = http.createServer(...args);
    return server;
  };
  return { ...http, createServer };
});

const OK: Health = { ok: true, reasons: [] };

const defaults: HttpEndpointOptions<{ answer: number }> = {
  listen: { host: '127.0.0.1', port: 0 },
  registry: new Registry(),
  ready: () => OK,
  status: () => ({ answer: 42 }),
  statusText: ({ answer }) => `the answer is ${answer}\n`,
};

async function endpoint(options: Partial<typeof defaults> = {}) {
  const started = new HttpEndpoint({ ...defaults, registry: new Registry(), ...options });
  const address = (await started.start())!;
  onTestFinished(() => started.close());
  return { address, close: () => started.close(), url: `http://127.0.0.1:${address.port}` };
}

describe('the HTTP endpoint', () => {
  it('serves the metrics, with build information and those of the process', async () => {
    const registry = new Registry();
    registerBuildInfo(registry, { version: '1.2.3', nodeVersion: 'v20.0.0' });
    onTestFinished(() => registry.clear());
    const { url } = await endpoint({ registry });
    const response = await fetch(`${url}/metrics?x=1`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(registry.contentType);
    const text = await response.text();
    expect(text).toContain('tributary_build_info{version="1.2.3",node_version="v20.0.0"} 1');
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m);
  });

  it('refuses requests that name another host, counts them, and marks every answer as none for pages', async () => {
    const { address, url } = await endpoint({ hosts: ['stats.example.org'] });
    const ask = (lines: string) => exchange(address.port, `${lines}\r\nConnection: close\r\n\r\n`);
    for (const path of ['/metrics', '/healthz', '/readyz', '/status', '/status.txt', '/nothing']) {
      const answer = await ask(`GET ${path} HTTP/1.1\r\nHost: attacker.example:${address.port}`);
      expect(answer).toMatch(/^HTTP\/1\.1 421 [\s\S]*add the name to metrics\.hosts\.\n/);
      expect(answer).not.toContain('42,');
    }
    expect(await ask('GET /status HTTP/1.0')).toMatch(/^HTTP\/1\.1 421 /);
    expect(await ask('GET /status HTTP/1.1')).toMatch(/^HTTP\/1\.1 400 /);
    const twice = `Host: 127.0.0.1:${address.port}\r\nHost: attacker.example`;
    expect(await ask(`GET /status HTTP/1.1\r\n${twice}`)).toMatch(/^HTTP\/1\.1 4(00|21) /);
    expect(await ask('POST /status HTTP/1.1\r\nHost: attacker.example')).toMatch(/^HTTP\/1\.1 421 /);
    expect(await ask('GET /status HTTP/1.1\r\nHost: stats.example.org')).toMatch(/^HTTP\/1\.1 200 /);

    for (const path of ['/status', '/nothing', '/metrics']) {
      const { headers } = await fetch(`${url}${path}`);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    }
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(
      Number(/^tributary_endpoint_misdirected_requests_total (\d+)$/m.exec(metrics)?.[1]),
    ).toBeGreaterThan(7);
  });

  it('outlives connections that cannot be accepted', async () => {
    const { url } = await endpoint();
    for (let i = 0; i < 2; i++) server!.emit('error', new Error('accept ENOMEM'));
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('tells health and readiness with their reasons', async () => {
    let ready: Health = { ok: false, reasons: ['no uplink is up', 'draining'] };
    const { url } = await endpoint({ ready: () => ready });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const before = await fetch(`${url}/readyz`);
    expect([before.status, await before.text()]).toEqual([503, 'not ok\nno uplink is up\ndraining\n']);
    expect((await fetch(`${url}/readyz-or-404`)).status).toBe(404);
    ready = OK;
    const after = await fetch(`${url}/readyz`);
    expect([after.status, await after.text()]).toEqual([200, 'ok\n']);
    expect((await fetch(`${url}/readyz-or-404`)).status).toBe(200);
  });

  it('tells the status to programs and to people', async () => {
    const { url } = await endpoint();
    const json = await fetch(`${url}/status`);
    expect(json.headers.get('content-type')).toBe('application/json');
    expect(json.headers.get('cache-control')).toBe('no-store');
    expect(await json.json()).toEqual({ answer: 42 });
    const text = await fetch(`${url}/status.txt`);
    expect(text.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await text.text()).toBe('the answer is 42\n');
    expect((await fetch(`${url}/status`, { method: 'POST', body: '{}' })).status).toBe(405);
  });

  it('knows nothing else', async () => {
    const { url } = await endpoint();
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}/metrics/x`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(405);
    expect((await fetch(`${url}/metrics`, { method: 'HEAD' })).status).toBe(200);
  });

  it('answers 500 when a metric cannot be collected, and goes on', async () => {
    const registry = new Registry();
    new Gauge({
      name: 'broken',
      help: 'broken',
      registers: [registry],
      collect() {
        throw new Error('no');
      },
    });
    const { url } = await endpoint({ registry });
    expect((await fetch(`${url}/metrics`)).status).toBe(500);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('listens nowhere when it is turned off', async () => {
    const off = new HttpEndpoint({ ...defaults, registry: new Registry(), listen: undefined });
    expect(await off.start()).toBeUndefined();
    await off.close();
  });

  it('says when the port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as { port: number };
    const listen = { host: '127.0.0.1', port };
    const taken = new HttpEndpoint({ ...defaults, registry: new Registry(), listen });
    const start = taken.start();
    await expect(start).rejects.toThrow(EndpointError);
    await expect(start).rejects.toThrow(
      `metrics cannot listen at 127.0.0.1:${port}: the port is taken: choose another`,
    );
    await taken.close();
  });

  it('closes on a client that says nothing when it is closed itself', async () => {
    const { address, close } = await endpoint();
    const socket = createConnection(address.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    await close();
    await closed;
    await expect(fetch(`http://127.0.0.1:${address.port}/healthz`)).rejects.toThrow();
  });
});

/** What a server on this machine answers to some bytes, until it closes. */
async function exchange(port: number, request: string): Promise<string> {
  const socket = createConnection(port, '127.0.0.1');
  socket.end(request);
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  return answer;
}
