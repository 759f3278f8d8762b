import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ClientStatus } from '../../client-proxy/status/client-status.ts';
import { eventually } from '../support/eventually.ts';
import { hashBytes, sendBytes } from './support/byte-source.ts';
import { type Origin, startEcho, startOrigin } from './support/origin.ts';
import { Pair } from './support/pair.ts';
import { readAll, readBytes } from './support/socks-client.ts';

const MEGABYTE = 1_000_000;
/** Ports of the pair's own address: an echo, one that gets a PROXY header, one behind a Unix socket, one that is down, ... */
const [ECHO, TOLD, UNIX, DOWN, NARROW, PLAIN] = [22001, 22002, 22003, 22004, 22005, 22006];
const ADDED = 22010;

let pair: Pair;
let echo: Origin;
let told: Origin;
let plain: Origin;
let folder: string;

const at = (port: number) => `${pair.host}:${port}`;

function services(): Record<string, unknown>[] {
  return [
    { listen: at(ECHO), to: `127.0.0.1:${echo.port}` },
    { listen: at(TOLD), to: `localhost:${told.port}`, proxyProtocol: 'v2', mode: 'lowest-latency' },
    { listen: at(UNIX), to: `unix:${join(folder, 'service.sock')}` },
    { listen: at(DOWN), to: '127.0.0.1:9' },
    { listen: at(NARROW), to: `127.0.0.1:${echo.port}`, allow: ['127.0.0.8/32'], maxConnections: 1 },
    { listen: at(PLAIN), to: `127.0.0.1:${plain.port}` },
    { listen: at(1), to: '127.0.0.1:9' },
    { listen: at(28443), to: '127.0.0.1:9' },
  ];
}

/** How connections of visitors have failed. */
const failures = new WeakMap<Socket, string>();

async function visit(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: pair.host, port, localAddress, allowHalfOpen: true });
  socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => void failures.set(socket, code));
  await once(socket, 'connect');
  return socket;
}

/** What a visitor gets back for a text. */
async function echoed(port: number, text: string, localAddress?: string): Promise<string> {
  const socket = await visit(port, localAddress);
  socket.end(text);
  const { bytes, error } = await readAll(socket);
  const failure = failures.get(socket) ?? error;
  // Where the reset comes before the text is sent, that is what sending says.
  return failure === 'EPIPE' ? 'ECONNRESET' : (failure ?? bytes.toString());
}

async function published(): Promise<ClientStatus['published']> {
  const { text } = await pair.get('client', '/status');
  return (JSON.parse(text) as ClientStatus).published;
}

async function untilPublished(port: number, state: string): Promise<void> {
  await eventually(async () =>
    expect((await published()).find(({ listen }) => listen === at(port))?.state).toBe(state),
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-publish-'));
  echo = await startEcho();
  told = await startOrigin();
  plain = await startOrigin();
  const unix = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  unix.listen(join(folder, 'service.sock'));
  await once(unix, 'listening');
  unix.unref();
  // Its address is known only once there is one.
  pair = await Pair.start({ publish: { laptop: ['22001-22009', 28443] }, otherClients: ['office'] });
  await pair.reconfigureClient({ publish: services() });
  await untilPublished(ECHO, 'listening');
});

afterAll(async () => {
  await pair.close();
  await Promise.all([echo.close(), told.close(), plain.close()]);
  await rm(folder, { recursive: true, force: true });
});

describe('a published service', () => {
  it('is told of with its state, and why where it is not there', async () => {
    await untilPublished(1, 'refused');
    await untilPublished(28443, 'refused');
    const states = Object.fromEntries(
      (await published()).map(({ listen, state, reason }) => [
        Number(listen.split(':')[1]),
        `${state}: ${reason}`,
      ]),
    );
    expect(states).toEqual({
      [ECHO]: 'listening: visitors are served',
      [TOLD]: 'listening: visitors are served',
      [UNIX]: 'listening: visitors are served',
      [DOWN]: 'listening: visitors are served',
      [NARROW]: 'listening: visitors are served',
      [PLAIN]: 'listening: visitors are served',
      1: `refused: port 1 is not allowed for this client: "publish" in the concentrator's list of clients has 22001-22009, 28443`,
      28443: "refused: port 28443 is the concentrator's own, where its clients come",
    });
    const metrics = await pair.metrics('concentrator');
    expect(metrics.sum('tributary_published_ports', { state: 'listening' })).toBe(6);
  });

  it('serves its visitors, byte by byte, in both directions', async () => {
    const accepted = plain.nextConnection();
    const socket = await visit(PLAIN);
    const service = await accepted;
    const up = sendBytes(socket, 3 * MEGABYTE);
    expect(await hashBytes(service)).toEqual({ sha256: await up, length: 3 * MEGABYTE });
    const down = sendBytes(service, 3 * MEGABYTE);
    expect(await hashBytes(socket)).toEqual({ sha256: await down, length: 3 * MEGABYTE });
  });

  it('may speak first', async () => {
    const accepted = told.nextConnection();
    const socket = await visit(TOLD, '127.0.0.7');
    (await accepted).write('220 ready\r\n');
    expect((await readBytes(socket, 11)).toString()).toBe('220 ready\r\n');
    socket.destroy();
  });

  it('is told who its visitor is, in front of all else', async () => {
    const accepted = told.nextConnection();
    const socket = await visit(TOLD, '127.0.0.7');
    socket.write('hello');
    const service = await accepted;
    const header = await readBytes(service, 28);
    const { localPort = 0 } = socket;
    expect(header.subarray(0, 16).toString('hex')).toBe('0d0a0d0a000d0a515549540a2111000c');
    expect([...header.subarray(16, 20)].join('.')).toBe('127.0.0.7');
    expect([...header.subarray(20, 24)].join('.')).toBe(pair.host);
    expect([header.readUInt16BE(24), header.readUInt16BE(26)]).toEqual([localPort, TOLD]);
    expect((await readBytes(service, 5)).toString()).toBe('hello');
    socket.destroy();
  });

  it('may be behind a Unix socket', async () => {
    expect(await echoed(UNIX, 'over a socket')).toBe('over a socket');
  });

  it('that is down ends the connection of its visitor, and the log says which', async () => {
    expect(await echoed(DOWN, 'anybody?')).toBe('ECONNRESET');
    await pair.client.untilLine('a published service is not there');
  });

  it('takes visitors from its ranges alone, and so many at a time', async () => {
    expect(await echoed(NARROW, 'x', '127.0.0.1')).toBe('ECONNRESET');
    const first = await visit(NARROW, '127.0.0.8');
    first.write('x');
    await readBytes(first, 1);
    expect(await echoed(NARROW, 'x', '127.0.0.8')).toBe('ECONNRESET');
    first.destroy();
    await eventually(async () => expect(await echoed(NARROW, 'y', '127.0.0.8')).toBe('y'));
  });

  it('serves two hundred visitors at once, each with its own bytes', { timeout: 180_000 }, async () => {
    const texts = Array.from({ length: 200 }, (_, i) => `visitor ${i} `.repeat(500));
    expect(await Promise.all(texts.map((text) => echoed(ECHO, text)))).toEqual(texts);
    const metrics = await pair.metrics('client');
    expect(metrics.sum('tributary_inbound_opens_total', { result: 'ok' })).toBeGreaterThanOrEqual(200);
  });

  it('comes and goes with a reload of either configuration', async () => {
    await pair.reconfigureClient({
      publish: [...services(), { listen: at(ADDED), to: `127.0.0.1:${echo.port}` }],
    });
    await untilPublished(ADDED, 'refused');
    await expect(visit(ADDED)).rejects.toThrow('ECONNREFUSED');
    await pair.grant({ laptop: ['22001-22010', 28443] });
    await pair.reconfigureClient({ publish: services() });
    await pair.reconfigureClient({
      publish: [...services(), { listen: at(ADDED), to: `127.0.0.1:${echo.port}` }],
    });
    await untilPublished(ADDED, 'listening');
    const open = await visit(ADDED);
    open.write('a');
    await readBytes(open, 1);
    await pair.grant({ laptop: ['22001-22009', 28443] });
    await untilPublished(ADDED, 'refused');
    await expect(visit(ADDED)).rejects.toThrow('ECONNREFUSED');
    // Who is being served is not thrown out.
    open.write('b');
    expect((await readBytes(open, 1)).toString()).toBe('b');
    open.destroy();
    await pair.reconfigureClient({ publish: services() });
    expect((await published()).some(({ listen }) => listen === at(ADDED))).toBe(false);
  });

  it('keeps its visitors waiting while the client is started again', { timeout: 30_000 }, async () => {
    await pair.client.stop();
    const waiting = Promise.all(Array.from({ length: 20 }, (_, i) => echoed(ECHO, `waiter ${i}`)));
    const { text } = await pair.get('concentrator', '/status');
    expect(text).toContain('"state": "waiting"');
    pair.startClient();
    onTestFinished(() => untilPublished(ECHO, 'listening'));
    expect(await waiting).toEqual(Array.from({ length: 20 }, (_, i) => `waiter ${i}`));
  });
});
