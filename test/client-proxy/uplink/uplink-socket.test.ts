import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Uplink, UplinkBinding } from '../../../client-proxy/uplink/uplink.ts';
import { UplinkError } from '../../../client-proxy/uplink/uplink-error.ts';
import { connectThroughUplink } from '../../../client-proxy/uplink/uplink-socket.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { needs } from '../../support/needs.ts';
import { type SocksRelay, startSocksRelay } from '../../support/socks-relay.ts';

const { native } = loadNative();
const limit = { timeoutMs: 3000, native };

function uplink(binding: UplinkBinding): Uplink {
  return { name: 'wifi', binding, backup: false };
}

/** Says from where it was reached, and hangs up. */
const server = createServer((socket) => socket.end(socket.remoteAddress ?? ''));
const server6 = createServer((socket) => socket.end(socket.remoteAddress ?? ''));
let port: number;
let port6: number;
let closedPort: number;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  server6.listen(0, '::1');
  await once(server6, 'listening');
  port6 = (server6.address() as AddressInfo).port;
  const closing = createServer().listen(0, '127.0.0.1');
  await once(closing, 'listening');
  closedPort = (closing.address() as AddressInfo).port;
  closing.close();
  await once(closing, 'close');
});
afterAll(() => {
  server.close();
  server6.close();
});

async function answer(socket: Socket): Promise<string> {
  let text = '';
  for await (const piece of socket) text += piece;
  return text;
}

async function failure(promise: Promise<unknown>): Promise<UplinkError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UplinkError);
  return error as UplinkError;
}

describe('bound to a source address', () => {
  const binding = { kind: 'address', address: '127.0.0.2' } as const;

  test('the other side sees that address', async () => {
    const socket = await connectThroughUplink(uplink(binding), { host: '127.0.0.1', port }, limit);
    expect(socket.localAddress).toBe('127.0.0.2');
    expect(await answer(socket)).toBe('127.0.0.2');
  });

  test('works over IPv6, and without koffi', async () => {
    const six = uplink({ kind: 'address', address: '::1' });
    const target = { host: '::1', port: port6 };
    const socket = await connectThroughUplink(six, target, { timeoutMs: 3000 });
    expect(await answer(socket)).toBe('::1');
  });

  test('an address that this machine has not is named', async () => {
    // 0.0.0.1 can be no machine's address; binding fails before anything is sent.
    const missing = uplink({ kind: 'address', address: '0.0.0.1' });
    const error = await failure(connectThroughUplink(missing, { host: '127.0.0.1', port }, limit));
    expect(error).toMatchObject({ code: 'networkFailure', fault: 'ours' });
    expect(error.message).toMatch(/^uplink wifi: this machine has no address 0\.0\.0\.1 now/);
  });

  test('the other address family is named', async () => {
    const error = await failure(connectThroughUplink(uplink(binding), { host: '::1', port: port6 }, limit));
    expect(error.message).toMatch(/^uplink wifi: bound to 127\.0\.0\.2, which cannot reach/);
  });

  test('a refused connection is one', async () => {
    const error = await failure(
      connectThroughUplink(uplink(binding), { host: '127.0.0.1', port: closedPort }, limit),
    );
    expect(error).toMatchObject({ code: 'connectionRefused', fault: 'peer' });
    expect(error.message).toContain(`uplink wifi: no connection to 127.0.0.1:${closedPort}: refused`);
  });

  test('giving up cancels', async () => {
    const controller = new AbortController();
    const attempt = connectThroughUplink(
      uplink(binding),
      { host: '127.0.0.1', port },
      { ...limit, signal: controller.signal },
    );
    controller.abort();
    expect(await failure(attempt)).toMatchObject({ code: 'cancelled' });
  });
});

describe('bound to an interface', () => {
  const lo = uplink({ kind: 'interface', interface: 'lo' });

  test('connects over it, IPv4 and IPv6, again and again', needs('libc'), async () => {
    for (let i = 0; i < 20; i += 1) {
      const four = await connectThroughUplink(lo, { host: '127.0.0.1', port }, limit);
      expect(await answer(four)).toBe('127.0.0.1');
      const six = await connectThroughUplink(lo, { host: '::1', port: port6 }, limit);
      expect(await answer(six)).toBe('::1');
    }
  });

  test('a missing interface is named', needs('libc'), async () => {
    for (const name of ['missing0', 'a-name-beyond-fifteen-bytes']) {
      const missing = uplink({ kind: 'interface', interface: name });
      const error = await failure(connectThroughUplink(missing, { host: '127.0.0.1', port }, limit));
      expect(error).toMatchObject({ code: 'networkFailure', fault: 'ours' });
      expect(error.message).toBe(`uplink wifi: there is no network interface ${name} now; see \`ip link\``);
    }
  });

  test('without koffi it says what to do', async () => {
    const error = await failure(connectThroughUplink(lo, { host: '127.0.0.1', port }, { timeoutMs: 3000 }));
    expect(error.message).toContain('bind the uplink to its source address');
  });
});

describe('bound to both', () => {
  const binding = { kind: 'interface', interface: 'lo' } as const;
  const target = () => ({ host: '127.0.0.1', port });

  test('an interface and the source address that its rule wants', needs('libc'), async () => {
    const attachment = () => ({ interface: 'lo', address: '127.0.0.3' });
    const socket = await connectThroughUplink(uplink(binding), target(), { ...limit, attachment });
    expect(await answer(socket)).toBe('127.0.0.3');
  });

  test('an address and the interface that has it', needs('libc'), async () => {
    const from = uplink({ kind: 'address', address: '127.0.0.4' });
    const attachment = () => ({ interface: 'lo', address: '127.0.0.4' });
    const socket = await connectThroughUplink(from, target(), { ...limit, attachment });
    expect(await answer(socket)).toBe('127.0.0.4');
    const elsewhere = { ...limit, attachment: () => ({ interface: 'missing0', address: '127.0.0.4' }) };
    // The kernel does not bind to it: the address has to do.
    expect(await answer(await connectThroughUplink(from, target(), elsewhere))).toBe('127.0.0.4');
  });

  test('an address that is gone is named', needs('libc'), async () => {
    const attachment = () => ({ interface: 'lo', address: '0.0.0.1' });
    const error = await failure(connectThroughUplink(uplink(binding), target(), { ...limit, attachment }));
    expect(error.message).toMatch(/^uplink wifi: this machine has no address 0\.0\.0\.1 now/);
  });
});

describe('through an upstream SOCKS5 proxy', () => {
  let relay: SocksRelay | undefined;
  afterEach(() => relay?.close());

  const through = (proxyPort: number, login: { user?: string; password?: string } = {}) =>
    uplink({ kind: 'proxy', host: '127.0.0.1', port: proxyPort, ...login });

  test('reaches the target, by address and by name', async () => {
    relay = await startSocksRelay();
    const socket = await connectThroughUplink(through(relay.port), { host: '127.0.0.1', port }, limit);
    expect(await answer(socket)).toBe('127.0.0.1');
    const named = await connectThroughUplink(through(relay.port), { host: 'localhost', port }, limit);
    expect(await answer(named)).toBe('127.0.0.1');
    expect(relay.requests).toEqual([`127.0.0.1:${port}`, `localhost:${port}`]);
  });

  test.each([
    ['an interface', { kind: 'interface', interface: 'lo' }, '127.0.0.1'],
    ['an address', { kind: 'address', address: '127.0.0.5' }, '127.0.0.1'],
    ['an interface, the proxy by name', { kind: 'interface', interface: 'lo' }, 'localhost'],
  ] as const)('over %s', needs('libc'), async (_, over, host) => {
    relay = await startSocksRelay();
    const proxy = uplink({ kind: 'proxy', host, port: relay.port, over });
    const socket = await connectThroughUplink(proxy, { host: '127.0.0.1', port }, limit);
    expect(socket.localAddress).toBe(over.kind === 'address' ? over.address : '127.0.0.1');
    expect(await answer(socket)).toBe('127.0.0.1');
    const astray = uplink({
      ...{ kind: 'proxy', host, port: relay.port },
      over: { kind: 'interface', interface: 'missing0' },
    });
    const error = await failure(connectThroughUplink(astray, { host: '127.0.0.1', port }, limit));
    expect(error.message).toContain('there is no network interface missing0 now');
  });

  test('logs in; a refused login says so and keeps the password to itself', async () => {
    relay = await startSocksRelay({ user: 'mr', password: 's3cret-word' });
    const target = { host: '127.0.0.1', port };
    const right = through(relay.port, { user: 'mr', password: 's3cret-word' });
    expect(await answer(await connectThroughUplink(right, target, limit))).toBe('127.0.0.1');

    const wrong = await failure(
      connectThroughUplink(through(relay.port, { user: 'mr', password: 'wr0ng-word' }), target, limit),
    );
    expect(wrong).toMatchObject({ code: 'notAuthorized' });
    expect(wrong.message).toContain(`the proxy 127.0.0.1:${relay.port} refused our user and password`);
    expect(JSON.stringify(wrong, Object.getOwnPropertyNames(wrong)) + String(wrong.cause)).not.toContain(
      'wr0ng-word',
    );

    const none = await failure(connectThroughUplink(through(relay.port), target, limit));
    expect(none.message).toContain('wants a user and password');
  });

  test("the proxy's refusal, its absence and a stranger in its place are told apart", async () => {
    relay = await startSocksRelay();
    const refused = await failure(
      connectThroughUplink(through(relay.port), { host: '127.0.0.1', port: closedPort }, limit),
    );
    expect(refused).toMatchObject({ code: 'connectionRefused' });
    expect(refused.message).toContain(`the proxy 127.0.0.1:${relay.port} says: connection refused`);

    const target = { host: '127.0.0.1', port };
    const absent = await failure(connectThroughUplink(through(closedPort), target, limit));
    expect(absent.message).toContain(`no connection to the proxy 127.0.0.1:${closedPort}: refused`);

    const stranger = await failure(connectThroughUplink(through(port), target, limit));
    expect(stranger.message).toContain('does not speak SOCKS5');
  });

  test('a silent proxy ends in the time limit', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const silentPort = (silent.address() as AddressInfo).port;
      const attempt = connectThroughUplink(
        through(silentPort),
        { host: '127.0.0.1', port },
        { timeoutMs: 100, native },
      );
      const error = await failure(attempt);
      expect(error).toMatchObject({ code: 'timedOut' });
    } finally {
      silent.close();
    }
  });
});
