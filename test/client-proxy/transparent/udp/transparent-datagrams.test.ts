import pino from 'pino';
import { describe, expect, it, vi } from 'vitest';
import {
  TransparentDatagrams,
  type TransparentDatagramsOptions,
} from '../../../../client-proxy/transparent/udp/transparent-datagrams.ts';
import type { Destination } from '../../../../shared/protocol/destination.ts';
import { NativeSocketError, type NativeSockets } from '../../../../shared/runtime/kernel/native.ts';
import { type SocketAddress, socketAddress } from '../../../../shared/runtime/kernel/socket-address.ts';
import type { UdpSocketOptions } from '../../../../shared/runtime/udp/udp-socket.ts';
import type { UdpSockets } from '../../../../shared/runtime/udp/udp-sockets.ts';
import { useCleanups } from '../../../support/cleanups.ts';
import { FakePlane } from '../../datagram/fake-plane.ts';
import { payloadOf, relayBed } from '../../datagram/relay-bed.ts';

const POINT = { host: '0.0.0.0', port: 12345 };
const DNS = { host: '192.0.2.53', port: 53 };
const PHONE = { host: '192.168.9.7', port: 40_000 };

const cleanUp = useCleanups();

/** A kernel that gives what the test has put in, as it gives what TPROXY rules lead to a socket. */
class FakeKernel {
  readonly #waiting: { from: Destination; to: Destination; payload: Uint8Array }[] = [];
  #wake = () => {};
  mayTakeForeign = true;
  closed = 0;

  readonly native = {
    openUdp: () => 7,
    setOption: () => {
      if (!this.mayTakeForeign) throw new NativeSocketError('setsockopt', 1);
    },
    bind: () => {},
    close: () => void this.closed++,
    takeDatagram: (_: number, payload: Uint8Array, name: Uint8Array, control: Uint8Array) => {
      const next = this.#waiting.shift();
      if (next === undefined) return undefined;
      payload.set(next.payload);
      name.set(bytesOf(next.from));
      new DataView(control.buffer, control.byteOffset).setUint32(0, 32, true);
      control.set(bytesOf(next.to), 16);
      return next.payload.length;
    },
    waitReadable: () =>
      new Promise<void>((resolve) => {
        this.#wake = resolve;
      }),
  } as unknown as NativeSockets;

  async lead(from: Destination, to: Destination, text: string): Promise<void> {
    this.#waiting.push({ from, to, payload: payloadOf(text) });
    this.wake();
    await new Promise((resolve) => setImmediate(resolve));
  }

  wake(): void {
    this.#wake();
  }
}

const bytesOf = ({ host, port }: Destination): Uint8Array => socketAddress(host, port)!.bytes;

function bed(changes: Partial<TransparentDatagramsOptions> = {}) {
  const relaying = relayBed();
  const plane = new FakePlane();
  relaying.relay.onSession(plane, true);
  relaying.relay.onDatagramEvent(plane, plane.offered);
  const kernel = new FakeKernel();
  const replies: string[] = [];
  const opened: string[] = [];
  const sockets = {
    open: async ({ host, port, isForeign }: UdpSocketOptions) => {
      opened.push(`${host} ${port} ${isForeign}`);
      return {
        local: { host, port },
        send: ([payload]: Uint8Array[], to: SocketAddress) =>
          void replies.push(`${Buffer.from(payload!)} from ${host} ${port} to ${to.host} ${to.port}`),
        close: () => void opened.push(`closed ${host}`),
      };
    },
    hasPort: (port: number) => port === 5_000,
  } as unknown as UdpSockets;
  const listener = new TransparentDatagrams({
    ...{ native: kernel.native, sockets, relay: relaying.relay, counts: relaying.counts },
    points: [POINT],
    ownAddresses: () => ['192.168.9.1'],
    isConcentrator: ({ host }) => host === '203.0.113.5',
    hasDescriptor: () => true,
    clock: () => relaying.time.ms,
    logger: pino({ enabled: false }),
    ...changes,
  });
  cleanUp(() => {
    listener.close();
    kernel.wake();
  });
  return { ...relaying, plane, kernel, listener, replies, opened };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('datagrams that are led to the client', () => {
  it('go where they were sent to, each source as an application of its own', async () => {
    const { listener, kernel, plane, relay } = bed();
    listener.start();
    await kernel.lead(PHONE, DNS, 'one');
    await kernel.lead({ ...PHONE, port: 40_001 }, DNS, 'two');
    await kernel.lead(PHONE, { ...DNS, port: 54 }, 'three');
    expect(plane.sent.map(({ payload }) => payload)).toEqual(['one', 'two', 'three']);
    expect(plane.calls.filter((call) => call.startsWith('flow')).map((call) => call.split(':')[0])).toEqual([
      'flow 0 of 0 to 192.0.2.53 53',
      'flow 1 of 1 to 192.0.2.53 53',
      'flow 2 of 0 to 192.0.2.53 54',
    ]);
    expect(relay.associationCount).toBe(2);
  });

  it('are answered from where they were sent to, by one socket for all', async () => {
    const { listener, kernel, plane, relay, replies, opened } = bed();
    listener.start();
    await kernel.lead(PHONE, DNS, 'x');
    await kernel.lead({ ...PHONE, port: 40_001 }, DNS, 'x');
    for (const flowId of [0, 1, 0]) {
      relay.onDatagramEvent(plane, { type: 'datagram', flowId, payload: payloadOf('answer') });
      await settled();
    }
    expect(replies).toEqual([
      'answer from 192.0.2.53 53 to 192.168.9.7 40000',
      'answer from 192.0.2.53 53 to 192.168.9.7 40001',
      'answer from 192.0.2.53 53 to 192.168.9.7 40000',
    ]);
    expect(opened).toEqual(['192.0.2.53 53 true']);
  });

  it.each([
    ['another port of whom they were sent to: told', { ...DNS, port: 99 }, ['answer from 192.0.2.53 99']],
    ['a machine that they were not sent to: not told', { host: '192.168.9.1', port: 53 }, []],
  ])('are answered, as the concentrator says, from %s', async (_, from, told) => {
    const { listener, kernel, plane, relay, replies } = bed();
    listener.start();
    await kernel.lead(PHONE, DNS, 'x');
    const reverse = plane.reverse(0, from);
    relay.onDatagramEvent(plane, reverse);
    const { flowId } = reverse.flow;
    relay.onDatagramEvent(plane, { type: 'datagram', flowId, payload: payloadOf('answer') });
    await settled();
    expect(replies).toEqual(told.map((text) => `${text} to 192.168.9.7 40000`));
    expect(plane.calls.includes(`end ${flowId}: cancelled`)).toBe(told.length === 0);
  });

  it.each([
    ['that were sent to the listener itself', PHONE, { host: '192.168.9.1', port: POINT.port }],
    [
      'of this machine to the concentrator',
      { host: '192.168.9.1', port: 7 },
      { host: '203.0.113.5', port: 443 },
    ],
    ['of the client itself', { host: '192.168.9.1', port: 5_000 }, DNS],
  ])('are dropped where they would lead back here: %s', async (_, from, to) => {
    const { listener, kernel, plane, counts } = bed();
    listener.start();
    await kernel.lead(from, to, 'x');
    expect([plane.sent.length, counts.drops.loop]).toEqual([0, 1]);
  });

  it('are forgotten when their source is silent for long', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    cleanUp(() => vi.useRealTimers());
    const { listener, kernel, relay, time, plane, opened } = bed();
    listener.start();
    await kernel.lead(PHONE, DNS, 'x');
    relay.onDatagramEvent(plane, { type: 'datagram', flowId: 0, payload: payloadOf('answer') });
    time.ms += 299_999;
    vi.advanceTimersByTime(10_000);
    expect(relay.associationCount).toBe(1);
    time.ms += 1;
    vi.advanceTimersByTime(10_000);
    await settled();
    expect([relay.associationCount, opened.at(-1)]).toEqual([0, 'closed 192.0.2.53']);
  });

  it('are not taken where the process may not, and the client starts all the same', () => {
    const { listener, kernel } = bed();
    kernel.mayTakeForeign = false;
    listener.start();
    expect(kernel.closed).toBe(1);
  });

  it('end with the client', async () => {
    const { listener, kernel, relay } = bed();
    listener.start();
    await kernel.lead(PHONE, DNS, 'x');
    listener.close();
    expect(relay.associationCount).toBe(0);
    kernel.wake();
    await settled();
    expect(kernel.closed).toBe(1);
  });
});
