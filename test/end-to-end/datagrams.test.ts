import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SOCKS_REPLY } from '../../shared/protocol/errors.ts';
import { useCleanups } from '../support/cleanups.ts';
import {
  associate,
  exchange,
  frameFor,
  startUdpEcho,
  type UdpAssociation,
  type UdpEcho,
} from '../support/socks-udp.ts';
import { Pair } from './support/pair.ts';
import { readAll, socksConnect } from './support/socks-client.ts';

/** More than a packet carries: it travels in parts. */
const LONG_BYTES = 9_000;
/** Datagrams of a call, and how often one comes. */
const CALL = 100;
const CALL_STEP_MS = 10;

const cleanup = useCleanups();
const text = (answer: { payload: Buffer } | undefined) => answer?.payload.toString();

async function opened(pair: Pair): Promise<UdpAssociation> {
  const association = await associate(pair.socks);
  cleanup(() => association.close());
  return association;
}

async function echoing(): Promise<UdpEcho> {
  const echo = await startUdpEcho();
  cleanup(() => echo.close());
  return echo;
}

describe('datagrams of applications', { timeout: 40_000 }, () => {
  let pair: Pair;
  const drops = async () => (await pair.metrics('client')).sum('tributary_datagram_drops_total');
  beforeAll(async () => {
    pair = await Pair.start();
  });
  afterAll(() => pair.close());

  it('reach several origins on one association, and come back with where they are from', async () => {
    const association = await opened(pair);
    for (const echo of [await echoing(), await echoing()]) {
      const answer = await exchange(association, echo, Buffer.from(`to ${echo.port}`));
      expect([answer?.from, text(answer)]).toEqual([{ host: echo.host, port: echo.port }, `to ${echo.port}`]);
    }
    expect(await drops()).toBe(0);
  });

  it.each([0, 1, 1_200, LONG_BYTES])('of %i bytes arrive as they are', async (bytes) => {
    const payload = Buffer.from(Array.from({ length: bytes }, (_, i) => i % 251));
    const answer = await exchange(await opened(pair), await echoing(), payload);
    expect(answer?.payload.equals(payload)).toBe(true);
  });

  it('at the pace of a call arrive, nearly all, once', async () => {
    const [association, echo] = [await opened(pair), await echoing()];
    await exchange(association, echo, Buffer.from('first'));
    const received: string[] = [];
    association.udp.on('message', (message: Buffer) => received.push(message.subarray(-3).toString()));
    for (let i = 0; i < CALL; i++) {
      const frame = frameFor(echo, Buffer.from(`${'voice'.repeat(30)}${String(i).padStart(3, '0')}`));
      association.udp.send(frame, association.relay.port, association.relay.host);
      await new Promise((resolve) => setTimeout(resolve, CALL_STEP_MS));
    }
    await expect.poll(() => received.length, { timeout: 5_000 }).toBeGreaterThan(CALL * 0.95);
    expect(new Set(received).size).toBe(received.length);
  });

  it('end with the control connection', async () => {
    const association = await opened(pair);
    await exchange(association, await echoing(), Buffer.from('x'));
    const closed = once(association.control, 'close');
    association.control.end();
    await closed;
    await expect
      .poll(async () => (await pair.metrics('client')).sum('tributary_datagram_associations'), {
        timeout: 3_000,
      })
      .toBe(0);
  });

  it('go on in the next session, when the concentrator was killed and started anew', async () => {
    const [association, echo] = [await opened(pair), await echoing()];
    expect(text(await exchange(association, echo, Buffer.from('before')))).toBe('before');
    await pair.concentrator.kill();
    const seen = pair.client.lineCount;
    await pair.startConcentrator();
    await pair.client.untilLine('"session established"', { from: seen, limitMs: 10_000 });
    await expect
      .poll(async () => text(await exchange(association, echo, Buffer.from('after'), 300)), {
        timeout: 5_000,
      })
      .toBe('after');
  });

  it('follow rules, also when these change', async () => {
    const [association, echo] = [await opened(pair), await echoing()];
    const ask = async () => text(await exchange(association, echo, Buffer.from('x'), 500));
    expect(await ask()).toBe('x');
    const steering = (...rules: object[]) => pair.reconfigureClient({ steering: { rules } });
    await steering({ protocol: 'udp', port: echo.port, block: true });
    expect(await ask()).toBeUndefined();
    await steering({ protocol: 'tcp', port: echo.port, block: true });
    expect(await ask()).toBe('x');
    expect((await pair.metrics('client')).sum('tributary_datagram_drops_total', { reason: 'blocked' })).toBe(
      1,
    );
  });
});

describe('UDP ASSOCIATE', { timeout: 40_000 }, () => {
  it.each<[string, Parameters<typeof Pair.start>[0]]>([
    ['without UDP in the configuration', { client: { datagrams: false } }],
    ['without UDP for SOCKS5', { client: { socks: { udp: false } } }],
    ['where the concentrator carries no UDP', { concentrator: { datagrams: { enabled: false } } }],
  ])('%s: command not supported', async (_, options) => {
    const pair = await Pair.start(options);
    cleanup(() => pair.close());
    const { reply, socket } = await socksConnect(pair.socks, { host: '0.0.0.0', port: 0 }, { command: 3 });
    expect(reply).toBe(SOCKS_REPLY.commandNotSupported);
    socket.end();
    expect((await readAll(socket)).error).toBeUndefined();
  });

  it('is not more than one association for an application, nor open to others', async () => {
    const pair = await Pair.start();
    cleanup(() => pair.close());
    const [association, echo] = [await opened(pair), await echoing()];
    await exchange(association, echo, Buffer.from('mine'));
    const stranger = await opened(pair);
    const frame = frameFor(echo, Buffer.from('theirs'));
    stranger.udp.send(frame, association.relay.port, association.relay.host);
    expect(text(await exchange(association, echo, Buffer.from('mine')))).toBe('mine');
    expect(echo.received).toBe(2);
    expect(
      (await pair.metrics('client')).sum('tributary_datagram_drops_total', { reason: 'otherSource' }),
    ).toBeLessThan(2);
  });
});
