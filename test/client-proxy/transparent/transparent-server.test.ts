import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import pino from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { ConnectRequest } from '../../../client-proxy/front/connect-request.ts';
import { OwnConnections } from '../../../client-proxy/transparent/own-connections.ts';
import { NAME_WAIT_MS } from '../../../client-proxy/transparent/transparent-connection.ts';
import {
  TransparentServer,
  type TransparentServerOptions,
} from '../../../client-proxy/transparent/transparent-server.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { acceptPlainAppSockets } from '../../support/plain-app-socket.ts';
import { hello, records, serverName } from './hello.ts';

const HELLO = records(hello({ extensions: [serverName('www.example.org')] }));
const HTTPS = { host: '198.51.100.7', port: 443 };

const onEnd = useCleanups();

interface Bed {
  readonly server: TransparentServer;
  readonly requests: ConnectRequest[];
  readonly log: string[];
  connect(): Socket;
  /** Resolves to the next request. */
  request(): Promise<ConnectRequest>;
}

/** A server to which all connections are led as if they had been made to `destination`. */
async function bed(
  destination: Destination | undefined,
  options: Partial<TransparentServerOptions> = {},
): Promise<Bed> {
  const requests: ConnectRequest[] = [];
  const waiting: ((request: ConnectRequest) => void)[] = [];
  const log: string[] = [];
  const server = new TransparentServer({
    points: [{ host: '0.0.0.0', port: 12345 }],
    ownAddresses: () => ['192.168.9.1'],
    isConcentrator: () => false,
    isOwnConnection: () => false,
    sniff: true,
    maxConnections: 10,
    wantsName: () => true,
    clock: () => performance.now(),
    logger: pino({ level: 'info' }, { write: (line: string) => log.push(line) }),
    onRequest: (request) => {
      requests.push(request);
      waiting.shift()?.(request);
    },
    ...options,
  });
  const listener = await acceptPlainAppSockets((socket) =>
    server.handle(Object.assign(socket, { originalDestination: () => destination })),
  );
  onEnd(async () => {
    await server.close();
    await listener.close();
  });
  return {
    server,
    requests,
    log,
    connect: () => {
      const socket = connect({ host: '127.0.0.1', port: listener.port, noDelay: true, allowHalfOpen: true });
      onEnd(() => void socket.destroy());
      return socket.on('error', () => {});
    },
    request: () => new Promise((resolve) => waiting.push(resolve)),
  };
}

/** `ECONNRESET`, or that it ended otherwise. */
function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('error', ({ code = '' }: NodeJS.ErrnoException) => resolve(code));
    socket.once('close', () => resolve('closed')).resume();
  });
}

const text = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString('latin1');

describe('a redirected connection', () => {
  it('becomes a request for where it was meant to go, with the name that it is told by TLS', async () => {
    const { server, connect: open, request } = await bed(HTTPS);
    const requested = request();
    open().write(HELLO);
    const { destination, name, isConnected, user, earlyData } = await requested;
    expect({ destination, name, isConnected, user }).toEqual({
      destination: HTTPS,
      name: 'www.example.org',
      isConnected: true,
      user: undefined,
    });
    expect(text(earlyData)).toBe(HELLO.toString('latin1'));
    expect(server.counters).toEqual({
      active: 1,
      accepted: 1,
      refused: 0,
      loop: 0,
      names: { tls: 1, http: 0, none: 0, silent: 0 },
    });
  });

  it('is heard through any cuts, and all that was said goes on', async () => {
    const { connect: open, request, server } = await bed(HTTPS);
    const requested = request();
    const socket = open();
    for (const [from, to] of [
      [0, 1],
      [1, 5],
      [5, 40],
      [40, HELLO.length],
    ] as const) {
      await new Promise<void>((resolve) => socket.write(HELLO.subarray(from, to), () => resolve()));
    }
    const { name, earlyData } = await requested;
    expect([name, text(earlyData)]).toEqual(['www.example.org', HELLO.toString('latin1')]);
    expect(server.counters.names.tls).toBe(1);
  });

  it('that says nothing goes on after a moment, without a name', async () => {
    const { connect: open, request, server } = await bed(HTTPS);
    const requested = request();
    const startMs = performance.now();
    open();
    const { name, earlyData } = await requested;
    expect([name, earlyData]).toEqual([undefined, []]);
    expect(performance.now() - startMs).toBeGreaterThan(NAME_WAIT_MS - 20);
    expect(server.counters.names.silent).toBe(1);
  });

  it.each([
    ['on a port where servers speak first', { host: '198.51.100.7', port: 25 }, {}],
    ['where the rules want no name', HTTPS, { wantsName: () => false }],
    ['where names are not read', HTTPS, { sniff: false }],
  ])('is asked for at once %s', async (_, destination, options) => {
    const { connect: open, request, server } = await bed(destination, options);
    const requested = request();
    open();
    expect((await requested).destination).toEqual(destination);
    expect(server.counters.names).toEqual({ tls: 0, http: 0, none: 0, silent: 0 });
  });

  it('that is no protocol with names goes on at its first bytes', async () => {
    const { connect: open, request, server } = await bed(HTTPS);
    const requested = request();
    open().write('SSH-2.0-OpenSSH_9.2\r\n');
    const { name, earlyData } = await requested;
    expect([name, text(earlyData)]).toEqual([undefined, 'SSH-2.0-OpenSSH_9.2\r\n']);
    expect(server.counters.names.none).toBe(1);
  });

  it('that announces a name without end goes on once it has said too much', async () => {
    const { connect: open, request } = await bed(HTTPS);
    const requested = request();
    open().write(`GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(5000)}`);
    const { name, earlyData } = await requested;
    expect(name).toBeUndefined();
    expect(text(earlyData).length).toBeGreaterThanOrEqual(16 * 1024);
  });

  it('that has finished sending still gets its answer, and the server is told of the end', async () => {
    const { connect: open, request } = await bed(HTTPS);
    const requested = request();
    const socket = open();
    socket.end();
    const { socket: own, succeed } = await requested;
    succeed();
    const ended = new Promise<void>((resolve) => {
      own.setHandlers({ onChunk: () => {}, onEnd: resolve, onDrain: () => {}, onClose: () => {} });
    });
    own.resume();
    await ended;
    own.write([Buffer.from('answer')]);
    own.end();
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toBe('answer');
  });

  it('gets what its server says, and nothing else', async () => {
    const { connect: open, request } = await bed(HTTPS, { sniff: false });
    const requested = request();
    const socket = open();
    const { socket: own, succeed } = await requested;
    succeed();
    expect(() => succeed()).toThrow('answered twice');
    own.setHandlers({
      onChunk: (chunk) => chunk.release(),
      onEnd: () => {},
      onDrain: () => {},
      onClose: () => {},
    });
    own.resume();
    own.write([Buffer.from('220 hello')]);
    const [said] = await once(socket, 'data');
    expect(String(said)).toBe('220 hello');
  });

  it('that fails is reset', async () => {
    const { connect: open, request } = await bed(HTTPS);
    const requested = request();
    const socket = open();
    socket.write(HELLO);
    (await requested).fail('connectionRefused');
    expect(await endOf(socket)).toBe('ECONNRESET');
  });

  it('that leaves before it is answered is told once, and an answer does nothing then', async () => {
    const { connect: open, request, server } = await bed(HTTPS, { sniff: false });
    const requested = request();
    const socket = open();
    const { onAbandoned, succeed, fail } = await requested;
    const abandoned = new Promise<void>((resolve) => onAbandoned(resolve));
    socket.resetAndDestroy();
    await abandoned;
    succeed();
    fail('timedOut');
    expect(server.counters.active).toBe(0);
  });

  it('that leaves while it is listened to makes no request', async () => {
    // On a busy machine the wait is over before the client has gone.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onEnd(() => void vi.useRealTimers());
    const { connect: open, requests, server } = await bed(HTTPS);
    const socket = open();
    await expect.poll(() => server.counters.active).toBe(1);
    expect(vi.getTimerCount()).toBe(1);
    socket.resetAndDestroy();
    await expect.poll(() => server.counters.active).toBe(0);
    vi.advanceTimersByTime(NAME_WAIT_MS);
    expect([requests, vi.getTimerCount()]).toEqual([[], 0]);
  });
});

describe('a connection that cannot be served is reset', () => {
  it.each([
    ['listener', { host: '192.168.9.1', port: 12345 }, {}, 'made to the listener itself'],
    ['concentrator', HTTPS, { isConcentrator: () => true }, 'to the concentrator was redirected'],
    ['own', HTTPS, { isOwnConnection: () => true }, "client's own connection over an uplink"],
  ])('as a loop: %s', async (_, destination, options, message) => {
    const { connect: open, requests, server, log } = await bed(destination, options);
    expect(await endOf(open())).toBe('ECONNRESET');
    expect([requests.length, server.counters.loop, server.counters.active]).toEqual([0, 1, 0]);
    expect(log.join('')).toContain(message);
  });

  it('where the client itself has made it, though others from the same address are served', async () => {
    const own = new OwnConnections();
    const { server, request, requests } = await bed(undefined, {
      sniff: false,
      isOwnConnection: (source, destination) => own.has(source, destination),
    });
    const listener = await acceptPlainAppSockets((socket) =>
      // As the packet filter would leave it: the destination is that of the socket that was dialled.
      server.handle(
        Object.assign(socket, { originalDestination: () => ({ host: '127.0.0.1', port: listener.port }) }),
      ),
    );
    onEnd(async () => {
      await server.close();
      await listener.close();
    });
    const dial = (socket: Socket) => {
      onEnd(() => void socket.destroy());
      return socket.on('error', () => {}).connect({ host: '127.0.0.1', port: listener.port });
    };
    const watchedOne = new Socket();
    own.watch(watchedOne);
    expect(await endOf(dial(watchedOne))).toBe('ECONNRESET');
    expect([server.counters.loop, requests.length]).toEqual([1, 0]);
    const requested = request();
    dial(new Socket());
    await requested;
    expect([server.counters.loop, server.counters.accepted]).toEqual([1, 1]);
  });

  it('beyond the limit, which is said once', async () => {
    const { connect: open, server, log } = await bed(HTTPS, { sniff: false, maxConnections: 1 });
    open();
    await expect.poll(() => server.counters.active).toBe(1);
    expect(await endOf(open())).toBe('ECONNRESET');
    expect(await endOf(open())).toBe('ECONNRESET');
    expect(server.counters).toMatchObject({ accepted: 1, refused: 2 });
    expect(log.filter((line) => line.includes('transparent.maxConnections'))).toHaveLength(1);
  });

  it('while the server drains, and where the connection has gone already', async () => {
    const { connect: open, server } = await bed(HTTPS);
    await server.drain();
    expect(await endOf(open())).toBe('ECONNRESET');
    const gone = await bed(undefined);
    expect(await endOf(gone.connect())).toBe('ECONNRESET');
    expect(gone.server.counters.refused).toBe(1);
  });
});
