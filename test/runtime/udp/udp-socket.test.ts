import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { loadNative, type NativeSockets } from '../../../shared/runtime/kernel/native.ts';
import { type SocketAddress, socketAddress } from '../../../shared/runtime/kernel/socket-address.ts';
import type { UdpSocket, UdpSocketOptions } from '../../../shared/runtime/udp/udp-socket.ts';
import { UdpSockets } from '../../../shared/runtime/udp/udp-sockets.ts';
import { needs } from '../../support/needs.ts';

const { native } = loadNative();
const open: UdpSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

interface Heard {
  readonly socket: UdpSocket;
  readonly heard: { readonly text: string; readonly from: SocketAddress }[];
  readonly ends: number[];
  readonly errors: string[];
}

async function udp(sockets: UdpSockets, options: Omit<UdpSocketOptions, 'handlers'>): Promise<Heard> {
  const [heard, ends, errors]: [Heard['heard'], number[], string[]] = [[], [], []];
  const socket = await sockets.open({
    ...options,
    handlers: {
      onDatagram: (payload, from) => heard.push({ text: Buffer.from(payload).toString('latin1'), from }),
      onDatagramsEnd: () => ends.push(heard.length),
      onError: (code) => errors.push(code),
    },
  });
  open.push(socket);
  return { socket, heard, ends, errors };
}

async function until(isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isDone(); i++) await sleep(10);
  expect(isDone()).toBe(true);
}

const bytes = (text: string) => [Buffer.from(text, 'latin1')];

const KINDS: readonly (readonly [string, NativeSockets | undefined])[] = [
  ['many datagrams a call', native],
  ['one datagram a call', undefined],
];

describe.each(KINDS)('UDP sockets, %s', (_, calls) => {
  const sockets = new UdpSockets(calls);

  test.each([
    { family: 4, host: '127.0.0.1' },
    { family: 6, host: '::1' },
  ] as const)(
    'carry datagrams of IPv$family whole, empty ones too, and tell where they come from',
    async ({ family, host }) => {
      const far = await udp(sockets, { family, host });
      const near = await udp(sockets, { family, host });
      const to = socketAddress(host, far.socket.local.port)!;
      const long = 'x'.repeat(60_000);
      near.socket.send([...bytes('ab'), ...bytes('c')], to);
      near.socket.send([], to);
      near.socket.send(bytes(long), to);
      await until(() => far.heard.length === 3);
      expect(far.heard.map(({ text }) => text)).toEqual(['abc', '', long]);
      expect(new Set(far.heard.map(({ from }) => from)).size).toBe(1);
      const { from } = far.heard[0]!;
      expect(from).toMatchObject({ host, port: near.socket.local.port, family });
      far.socket.send(bytes('back'), from);
      await until(() => near.heard.length === 1);
      expect(near.heard[0]).toMatchObject({ text: 'back', from: { host, port: far.socket.local.port } });
    },
  );

  test('keep the order of a burst, and say when it is over', async () => {
    const far = await udp(sockets, { family: 4, host: '127.0.0.1' });
    const near = await udp(sockets, { family: 4, host: '127.0.0.1' });
    const to = socketAddress('127.0.0.1', far.socket.local.port)!;
    const texts = Array.from({ length: 150 }, (_, i) => String(i));
    for (const text of texts) near.socket.send(bytes(text), to);
    await until(() => far.heard.length === texts.length);
    expect(far.heard.map(({ text }) => text)).toEqual(texts);
    expect(far.ends.at(-1)).toBe(texts.length);
  });

  test('keep datagrams apart that leave together, whatever their lengths and destinations', async () => {
    const hosts = ['127.0.0.1', '127.0.0.2'];
    const far = await Promise.all(hosts.map((host) => udp(sockets, { family: 4, host })));
    const near = await udp(sockets, { family: 4 });
    const addresses = far.map(({ socket }, i) => socketAddress(hosts[i]!, socket.local.port)!);
    const expected: string[][] = [[], []];
    const lengths = [5, 5, 5, 3, 5, 5, 0, 7, 7, 1_400, 1_400, 1_400, 900, 2_000, 2_000, 1, 1, 9_000, 1, 1];
    for (const [i, length] of [...lengths, ...new Array(70).fill(300)].entries()) {
      const to = i % 7 < 4 ? 0 : 1;
      const text = String.fromCharCode(97 + (i % 26)).repeat(length);
      expected[to]!.push(text);
      near.socket.send(bytes(text), addresses[to]);
    }
    for (const [i, { heard }] of far.entries()) {
      await until(() => heard.length === expected[i]!.length);
      expect(heard.map(({ text }) => text)).toEqual(expected[i]);
    }
  });

  test('with a peer hear it alone, and go on after ICMP said that it is not there', async () => {
    const far = await udp(sockets, { family: 4, host: '127.0.0.1' });
    const { port } = far.socket.local;
    const peer = socketAddress('127.0.0.1', port)!;
    const near = await udp(sockets, { family: 4, host: '127.0.0.1', peer });
    const stranger = await udp(sockets, { family: 4, host: '127.0.0.1' });
    const own = socketAddress('127.0.0.1', near.socket.local.port)!;
    stranger.socket.send(bytes('stranger'), own);
    near.socket.send(bytes('hello'), undefined);
    await until(() => far.heard.length === 1);
    far.socket.send(bytes('peer'), own);
    await until(() => near.heard.length === 1);
    expect(near.heard.map(({ text }) => text)).toEqual(['peer']);
    far.socket.close();
    near.socket.send(bytes('to nobody'), undefined);
    const unsent: string[] = [];
    await sleep(50);
    const again = await udp(sockets, { family: 4, host: '127.0.0.1', port });
    near.socket.send(bytes('again'), undefined, { onUnsent: (code) => unsent.push(code) });
    near.socket.send(bytes('and again'), undefined);
    await until(() => again.heard.length > 0);
    expect(again.heard.at(-1)!.text).toBe('and again');
  });

  test('tell that a datagram is longer than any, and that there is no way', async () => {
    const near = await udp(sockets, { family: 4, host: '127.0.0.1' });
    const unsent: [string, number][] = [];
    const listener = { onUnsent: (code: string, length: number) => void unsent.push([code, length]) };
    near.socket.send([new Uint8Array(65_530)], socketAddress('127.0.0.1', 9)!, listener);
    await until(() => unsent.length === 1);
    expect(unsent).toEqual([['EMSGSIZE', 65_530]]);
    // Bound to loopback it reaches nothing else, whatever the routes are.
    near.socket.send(bytes('out'), socketAddress('255.255.255.255', 9)!, listener);
    await until(() => unsent.length === 2);
    expect(unsent[1]).toEqual([expect.stringMatching(/^E/), 3]);
  });

  test('of one user share a port, the one with the address before the one without', async () => {
    const any = await udp(sockets, { family: 4, isPortShared: true });
    const { port } = any.socket.local;
    const one = await udp(sockets, { family: 4, host: '127.0.0.2', port, isPortShared: true });
    await expect(udp(sockets, { family: 4, host: '127.0.0.2', port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    const near = await udp(sockets, { family: 4 });
    near.socket.send(bytes('one'), socketAddress('127.0.0.2', port));
    near.socket.send(bytes('any'), socketAddress('127.0.0.3', port));
    await until(() => any.heard.length === 1 && one.heard.length === 1);
    one.socket.send(bytes('answer'), one.heard[0]!.from);
    await until(() => near.heard.length === 1);
    expect(near.heard[0]!.from).toMatchObject({ host: '127.0.0.2', port });
  });

  test('send what was sent before they were closed, and nothing after', async () => {
    const far = await udp(sockets, { family: 4, host: '127.0.0.1' });
    const near = await udp(sockets, { family: 4, host: '127.0.0.1' });
    const to = socketAddress('127.0.0.1', far.socket.local.port)!;
    near.socket.send(bytes('last'), to);
    near.socket.close();
    near.socket.send(bytes('late'), to);
    await until(() => far.heard.length === 1);
    await sleep(20);
    expect(far.heard.map(({ text }) => text)).toEqual(['last']);
  });
});

describe('with the native calls', needs('libc'), () => {
  const sockets = new UdpSockets(native);

  test('a socket whose packets are never cut refuses those that the interface does not carry', async () => {
    const unsent: [string, number][] = [];
    const listener = { onUnsent: (code: string, length: number) => void unsent.push([code, length]) };
    const near = await udp(sockets, { family: 4, host: '127.0.0.1', isNeverCut: true });
    const far = await udp(sockets, { family: 4, host: '127.0.0.1' });
    const to = socketAddress('127.0.0.1', far.socket.local.port)!;
    // Loopback carries 65536 bytes: nothing is too long for it but what is too long for UDP.
    near.socket.send([new Uint8Array(65_507)], to, listener);
    await until(() => far.heard.length === 1);
    expect(unsent).toEqual([]);
  });

  test('an interface that is not there is refused', async () => {
    await expect(udp(sockets, { family: 4, interface: 'missing0' })).rejects.toMatchObject({
      code: 'ENODEV',
    });
  });
});

test.skipIf(native === undefined).each(['127.0.0.1', '::1'])(
  'a socket without a peer is told which destination ICMP speaks of, and nothing stays in the kernel: %s',
  async (host) => {
    const sockets = new UdpSockets(native);
    const family = host === '::1' ? 6 : 4;
    const told: string[] = [];
    const unsent: string[] = [];
    const near = await sockets.open({
      family,
      tellsUnreachable: true,
      handlers: {
        onDatagram() {},
        onUnreachable: (to, code) => told.push(`${to.host} ${to.port} ${code}`),
      },
    });
    open.push(near);
    const gone = await udp(sockets, { family, host });
    const there = await udp(sockets, { family, host });
    const { port } = gone.socket.local;
    gone.socket.close();
    const listener = { onUnsent: (code: string) => unsent.push(code) };
    for (let i = 1; i <= 5; i++) {
      near.send(bytes('x'), socketAddress(host, port)!, listener);
      // An error that waits costs nobody else a datagram.
      near.send(bytes('y'), socketAddress(host, there.socket.local.port)!, listener);
      await until(() => there.heard.length === i);
    }
    await until(() => told.length >= 5);
    expect(new Set(told)).toEqual(new Set([`${host} ${port} ECONNREFUSED`]));
    expect(unsent).toEqual([]);
  },
);
