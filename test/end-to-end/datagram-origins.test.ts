import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Destination } from '../../shared/protocol/destination.ts';
import { useCleanups } from '../support/cleanups.ts';
import { needs } from '../support/needs.ts';
import { associate, exchange, frameFor, startUdpEcho, type UdpAssociation } from '../support/socks-udp.ts';
import { BEYOND_LOOPBACK, ORIGIN_NAME, Pair } from './support/pair.ts';

const cleanup = useCleanups();
const SOON = { timeout: 8_000 };
const DIRECTIONS = ['sent', 'received'] as const;

async function opened(pair: Pair): Promise<UdpAssociation> {
  const association = await associate(pair.socks);
  cleanup(() => association.close());
  return association;
}

/** An origin that sends nothing by itself. */
class QuietOrigin {
  readonly received: { readonly text: string; readonly port: number }[] = [];
  readonly socket: Socket = createSocket('udp4');

  static async at(host = '127.0.0.1'): Promise<QuietOrigin> {
    const origin = new QuietOrigin();
    origin.socket.on('message', (payload, { port }) =>
      origin.received.push({ text: payload.toString(), port }),
    );
    origin.socket.bind(0, host);
    await once(origin.socket, 'listening');
    cleanup(() => origin.socket.close());
    return origin;
  }

  get destination(): Destination {
    const { address: host, port } = this.socket.address();
    return { host, port };
  }
}

describe('datagrams at the concentrator', { timeout: 180_000, ...needs('mounts') }, () => {
  let pair: Pair;
  beforeAll(async () => {
    const egress = { allow: ['127.0.0.1/32', '127.0.0.9/32'], deny: ['*:25', ...BEYOND_LOOPBACK] };
    pair = await Pair.start({
      nameServer: true,
      concentrator: { egress, datagrams: { flowsPerClient: 24, associationsPerClient: 4 } },
    });
  });
  afterAll(() => pair?.close());

  it('reach an origin by its name, and come back with its address', async () => {
    const echo = await startUdpEcho();
    cleanup(() => echo.close());
    const association = await opened(pair);
    for (const text of ['one', 'two']) {
      const to = { host: ORIGIN_NAME, port: echo.port };
      const answer = await exchange(association, to, Buffer.from(text), SOON.timeout);
      expect([answer?.from, answer?.payload.toString()]).toEqual([
        { host: '127.0.0.1', port: echo.port },
        text,
      ]);
    }
  });

  it('come from any port of an address that was sent to, and from no other address', async () => {
    const [asked, sibling, stranger] = [
      await QuietOrigin.at(),
      await QuietOrigin.at(),
      await QuietOrigin.at('127.0.0.9'),
    ];
    const association = await opened(pair);
    const { udp, relay } = association;
    const heard: Buffer[] = [];
    udp.on('message', (message) => void heard.push(message));
    udp.send(frameFor(asked.destination, Buffer.from('hello')), relay.port, relay.host);
    await expect.poll(() => asked.received.length, SOON).toBe(1);
    const { port } = asked.received[0]!;
    const drops = async () =>
      (await pair.metrics('concentrator')).sum('tributary_datagram_drops_total', { reason: 'unsolicited' });
    const before = await drops();
    stranger.socket.send('from elsewhere', port, '127.0.0.1');
    sibling.socket.send('from beside', port, '127.0.0.1');
    await expect.poll(() => heard.length, SOON).toBe(1);
    expect(heard[0]!.equals(frameFor(sibling.destination, Buffer.from('from beside')))).toBe(true);
    await expect.poll(drops, SOON).toBe(before + 1);
    expect(heard).toHaveLength(1);
    // The application answers to the port that it has heard of.
    udp.send(frameFor(sibling.destination, Buffer.from('back')), relay.port, relay.host);
    await expect.poll(() => sibling.received, SOON).toEqual([{ text: 'back', port }]);
  });

  it('are refused where TCP would be', async () => {
    const association = await opened(pair);
    const forbidden = [
      { host: '10.0.0.1', port: 53 },
      { host: '169.254.169.254', port: 80 },
      { host: '255.255.255.255', port: 9 },
      { host: '224.0.0.251', port: 5_353 },
      { host: '127.0.0.2', port: 53 },
      { host: '127.0.0.1', port: 25 },
      { host: pair.host, port: pair.subflows.port },
    ];
    for (const to of forbidden) expect(await exchange(association, to, Buffer.from('x'), 50)).toBeUndefined();
    const refused = async () =>
      (await pair.metrics('concentrator')).sum('tributary_datagram_flow_opens_total', {
        result: 'notAuthorized',
      });
    await expect.poll(refused, SOON).toBe(forbidden.length);
  });

  it('go on after ICMP has said that the port was closed', async () => {
    const closed = await startUdpEcho();
    const open = await startUdpEcho();
    cleanup(() => open.close());
    closed.close();
    const association = await opened(pair);
    expect((await exchange(association, open, Buffer.from('1')))?.payload.toString()).toBe('1');
    const flows = async () => (await pair.metrics('concentrator')).sum('tributary_datagram_flows');
    const before = await flows();
    expect(await exchange(association, closed, Buffer.from('x'), 200)).toBeUndefined();
    await expect.poll(flows, SOON).toBe(before);
    expect((await exchange(association, open, Buffer.from('2')))?.payload.toString()).toBe('2');
  });

  it('have bounds for each client, which a client lives with', async () => {
    const origin = await QuietOrigin.at();
    const { udp, relay } = await opened(pair);
    const own = { host: '127.0.0.1', port: 0 };
    // More destinations than flows: the oldest make room, or the newest are refused; the concentrator has no more of them.
    for (let port = 40_001; port < 40_101; port++) {
      udp.send(frameFor({ ...own, port }, Buffer.from('x')), relay.port, relay.host);
    }
    const send = () => {
      udp.send(frameFor(origin.destination, Buffer.from('x')), relay.port, relay.host);
      return origin.received.length;
    };
    await expect.poll(send, { ...SOON, interval: 100 }).toBeGreaterThan(0);
    expect((await pair.metrics('concentrator')).sum('tributary_datagram_flows')).toBeLessThanOrEqual(24);
  });

  it('are in the metrics of both ends', async () => {
    const echo = await startUdpEcho();
    cleanup(() => echo.close());
    const association = await opened(pair);
    for (let i = 0; i < 20; i++) await exchange(association, echo, Buffer.alloc(160), SOON.timeout);
    for (const program of ['client', 'concentrator'] as const) {
      const counted = async () => {
        const metrics = await pair.metrics(program);
        const datagrams = DIRECTIONS.map((direction) =>
          metrics.sum('tributary_datagrams_total', { direction }),
        );
        const packets = DIRECTIONS.map((direction) =>
          metrics.sum('tributary_uplink_packets_total', { direction }),
        );
        return {
          hasDatagrams: Math.min(...datagrams) >= 20,
          hasPackets: Math.min(...packets) > 20,
          hasRoundTrips: metrics.sum('tributary_uplink_packet_rtt_seconds', { le: '+Inf' }) > 0,
          workingPaths: metrics.sum('tributary_uplink_packet_paths', { state: 'working' }),
        };
      };
      // A path takes some round trips to be known as working.
      const all = { hasDatagrams: true, hasPackets: true, hasRoundTrips: true, workingPaths: 2 };
      await expect.poll(counted, SOON).toEqual(all);
    }
  });
});
