import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import {
  MAX_ASSOCIATIONS,
  MAX_ASSOCIATIONS_OF_HOST,
} from '../../../client-proxy/socks5/associate-opening.ts';
import { eventually } from '../../support/eventually.ts';
import { FakePlane } from '../datagram/fake-plane.ts';
import { STEER } from '../datagram/relay-bed.ts';
import { associateBed, UdpClient } from './associate-bed.ts';
import { hex } from './socks-bed.ts';

const DNS = '0000 00 01 c0000235 0035';
const NAME = `0000 00 03 0b ${hex(Buffer.from('example.org'))} 0035`;
const IPV6 = '0000 00 04 20010db8000000000000000000000001 01bb';
const dense = (text: string) => text.replaceAll(' ', '');

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function open(asked?: string, ...options: Parameters<typeof associateBed>) {
  const made = await associateBed(...options);
  cleanups.push(() => made.bed.stop());
  const client = new UdpClient(made.bed);
  cleanups.push(() => client.close());
  const reply = await client.associate(asked);
  return { ...made, client, reply };
}

describe('UDP ASSOCIATE', () => {
  it('is answered with the address that was reached, and a port of its own', async () => {
    const { reply, client, results, relay } = await open();
    expect(reply).toMatch(/^050000017f000001[\da-f]{4}$/);
    expect(client.relayPort).toBeGreaterThan(0);
    expect([results, relay.associationCount]).toEqual([['ok'], 1]);
  });

  it('relays to many destinations, and back with where it is from', async () => {
    const { client, plane, counts } = await open();
    for (const header of [DNS, NAME, IPV6]) client.send(header, 'hello');
    client.send(DNS, '');
    await eventually(() => expect(client.received).toHaveLength(4));
    const hello = Buffer.from('hello').toString('hex');
    const expected = [DNS, NAME, IPV6].map((header) => dense(header) + hello);
    expect(client.received).toEqual([...expected, dense(DNS)]);
    expect(plane.calls.slice(1).map((call) => call.split(' to ')[1])).toEqual([
      '192.0.2.53 53: lowest-latency',
      'example.org 53: lowest-latency',
      '2001:db8::1 443: lowest-latency',
    ]);
    expect([counts.sent, counts.received]).toEqual([
      { datagrams: 4, bytes: 15 },
      { datagrams: 4, bytes: 15 },
    ]);
  });

  it.each(['end', 'destroy', 'reset'] as const)('ends with the control connection: %s', async (how) => {
    const { client, relay, plane } = await open();
    client.send(DNS, 'hello');
    await eventually(() => expect(client.received).toHaveLength(1));
    if (how === 'end') client.control.end();
    else client.control.destroy(how === 'reset' ? 'reset' : undefined);
    await eventually(() => expect(relay.associationCount).toBe(0));
    expect(plane.calls.at(-1)).toBe('end association 0: cancelled');
    client.send(DNS, 'too late');
    if (how === 'end') expect(await client.control.receiveAll()).toHaveLength(12);
    expect(plane.sent).toHaveLength(1);
  });

  it('stays open whatever the client says on the control connection', async () => {
    const { client, relay } = await open();
    await client.control.send(Buffer.alloc(100_000));
    client.send(DNS, 'hello');
    await eventually(() => expect(client.received).toHaveLength(1));
    expect(relay.associationCount).toBe(1);
  });

  it.each([
    ['a fragment', '0000 01 01 c0000235 0035', 'fragment'],
    ['a header that is cut short', '0000 00 01 c00002', 'malformed'],
    ['port 0', '0000 00 01 c0000235 0000', 'malformed'],
  ] as const)('drops %s', async (_, header, reason) => {
    const { client, counts, plane } = await open();
    client.send(header, '');
    client.send(DNS, 'good');
    await eventually(() => expect(client.received).toHaveLength(1));
    expect([counts.drops[reason], plane.sent.length]).toEqual([1, 1]);
  });

  it('drops what is longer than UDP can carry to the application', async () => {
    const { client, counts, plane, relay } = await open();
    client.send(DNS, 'hello');
    await eventually(() => expect(client.received).toHaveLength(1));
    const payload = new Uint8Array(65_500);
    relay.onDatagramEvent(plane, { type: 'datagram', flowId: 0, payload });
    expect(counts.drops.tooLong).toBe(1);
  });
});

describe('the source', () => {
  it.each([
    ['is fixed by the first datagram', '00000000 0000', true],
    ['is the port that was asked for', '7f000001 OWN', false],
    ['is the port that was asked for, on this machine without the address', '00000000 OWN', false],
    ['is not bound to a wrong idea of the own address', '0a000001 0007', true],
  ])('%s', async (_, asked, isFirstTaken) => {
    const { client, counts, plane } = await open(asked);
    const other = createSocket('udp4');
    cleanups.push(() => other.close());
    other.bind(0, '127.0.0.1');
    await once(other, 'listening');
    const [first, second] = isFirstTaken ? [client.udp, other] : [other, client.udp];
    client.send(DNS, 'first', first);
    // A datagram that cannot be read fixes nothing, nor does one from elsewhere.
    await eventually(() => expect(plane.sent.length + counts.drops.otherSource).toBe(1));
    client.send(DNS, 'second', second);
    await eventually(() => expect(plane.sent.length + counts.drops.otherSource).toBe(2));
    expect(plane.sent.map(({ payload }) => payload)).toEqual([isFirstTaken ? 'first' : 'second']);
    await eventually(() => expect(client.received).toHaveLength(1));
  });

  it('is another address than that of the control connection only where the client has said so, and may', async () => {
    for (const [asked, isOpen, expected] of [
      ['00000000 0000', true, 0],
      ['7f000002 0000', true, 1],
      ['7f000002 0000', false, 0],
    ] as const) {
      const { client, plane, counts } = await open(asked, { isOpenTo: () => isOpen });
      const other = createSocket('udp4');
      cleanups.push(() => other.close());
      other.bind(0, '127.0.0.2');
      await once(other, 'listening');
      client.send(DNS, 'hello', other);
      await eventually(() => expect(plane.sent.length + counts.drops.otherSource).toBe(1));
      expect(plane.sent.length, asked).toBe(expected);
    }
  });
});

describe('an association that is older than the session', () => {
  /** What the newest session's concentrator is like, and what rules lead past it. */
  const CASES = [
    { what: 'ends where the concentrator carries no UDP', isOffered: false, isPast: false, ends: true },
    { what: 'goes on where some goes past it', isOffered: false, isPast: true, ends: false },
    { what: 'goes on where it carries UDP', isOffered: true, isPast: false, ends: false },
  ];

  it.each(CASES)('$what', async ({ isOffered, isPast, ends }) => {
    let hasUdp = true;
    const { client, relay, plane, warnings } = await open(undefined, {
      whyNot: () => (hasUdp ? undefined : 'unsupportedMessage'),
    });
    client.send(DNS, 'hello');
    await eventually(() => expect(client.received).toHaveLength(1));
    relay.onSessionEnded(plane);
    expect(relay.associationCount).toBe(1);
    const next = new FakePlane();
    hasUdp = isOffered || isPast;
    relay.onSession(next, isOffered);
    expect(relay.isUnsupported).toBe(!isOffered);
    expect(relay.associationCount).toBe(ends ? 0 : 1);
    if (ends) {
      expect(await client.control.receiveAll()).toHaveLength(12);
      expect(warnings).toEqual([expect.stringContaining('UDP associations were ended')]);
    } else if (isOffered) {
      relay.onDatagramEvent(next, next.offered);
      client.send(DNS, 'again');
      await eventually(() => expect(next.sent).toHaveLength(1));
    }
  });

  it('goes on as long as its flows go past the concentrator, and ends with them', async () => {
    let hasUdp = true;
    const { client, relay, plane, rules, direct } = await open(undefined, {
      whyNot: () => (hasUdp ? undefined : 'unsupportedMessage'),
    });
    rules.decide = () => ({ kind: 'direct', route: { kind: 'direct', uplink: 'lte', isPublicOnly: true } });
    client.send(DNS, 'past');
    await eventually(() => expect(direct).toEqual(['192.0.2.53: past']));
    relay.onSessionEnded(plane);
    hasUdp = false;
    relay.onSession(new FakePlane(), false);
    expect(relay.associationCount).toBe(1);
    rules.decide = () => STEER;
    relay.review();
    expect(relay.associationCount).toBe(0);
  });
});

describe('UDP ASSOCIATE is refused', () => {
  it.each([
    ['where there is no UDP', { whyNot: () => 'unsupportedMessage' }, 'unsupportedMessage', '0507'],
    ['without file descriptors', { hasDescriptor: () => false }, 'resourceExceeded', '0501'],
    [
      'where no socket can be opened',
      { openSocket: () => Promise.reject(new Error('none')) },
      'networkFailure',
      '0503',
    ],
  ] as const)('%s', async (_, options, error, reply) => {
    const { results, reply: given, relay } = await open(undefined, options);
    expect([results, given.slice(0, 4), relay.associationCount]).toEqual([[error], reply, 0]);
  });

  it('to one machine that has half of them, and to all where there are no more', async () => {
    const made = await associateBed({ openSocket: () => new Promise(() => {}) });
    cleanups.push(() => made.bed.stop());
    const ask = (remoteAddress: string) =>
      new Promise<string>((resolve) => {
        const socket = { remoteAddress, localAddress: '192.0.2.1' };
        const request = {
          ...{ socket, destination: { host: '0.0.0.0', port: 0 } },
          fail: resolve,
          onAbandoned: () => resolve('waits'),
        };
        void made.associates.open(request as never);
      });
    const answers = async (address: string, count: number) => {
      const given = await Promise.all(Array.from({ length: count }, () => ask(address)));
      return given.filter((answer) => answer === 'waits').length;
    };
    expect(await answers('198.51.100.7', MAX_ASSOCIATIONS)).toBe(MAX_ASSOCIATIONS_OF_HOST);
    expect(await answers('127.0.0.1', MAX_ASSOCIATIONS)).toBe(MAX_ASSOCIATIONS - MAX_ASSOCIATIONS_OF_HOST);
    expect(made.warnings.length).toBeGreaterThan(0);
  });

  it('when the proxy is about to close, which ends those that are open', async () => {
    const { associates, relay, client, results, bed } = await open();
    associates.drain();
    expect(relay.associationCount).toBe(0);
    expect(await client.control.receiveAll()).toHaveLength(12);
    const late = new UdpClient(bed);
    cleanups.push(() => late.close());
    expect((await late.associate()).slice(0, 4)).toBe('0501');
    expect(results).toEqual(['ok', 'goingAway']);
  });
});
