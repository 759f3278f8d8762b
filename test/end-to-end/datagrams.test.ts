import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SOCKS_REPLY } from '../../shared/protocol/errors.ts';
import { useCleanups } from '../support/cleanups.ts';
import {
  type Answer,
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
/** A machine that is busy is late, and drops what is late. */
const TIMES = 10;

const cleanup = useCleanups();
const text = (answer: { payload: Buffer } | undefined) => answer?.payload.toString();

async function opened(pair: Pair): Promise<UdpAssociation> {
  const association = await associate(pair.socks);
  cleanup(() => association.close());
  return association;
}

/** As applications do: asks again where no answer comes. */
async function asked(association: UdpAssociation, echo: UdpEcho, payload: Uint8Array): Promise<Answer> {
  for (let i = 0; i < TIMES; i++) {
    const answer = await exchange(association, echo, payload, 1_000);
    if (answer !== undefined) return answer;
  }
  throw new Error('no answer came');
}

async function echoing(): Promise<UdpEcho> {
  const echo = await startUdpEcho();
  cleanup(() => echo.close());
  return echo;
}

describe('datagrams of applications', { timeout: 180_000 }, () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.start();
  });
  afterAll(() => pair.close());

  it('reach several origins on one association, and come back with where they are from', async () => {
    const association = await opened(pair);
    for (const echo of [await echoing(), await echoing()]) {
      const answer = await asked(association, echo, Buffer.from(`to ${echo.port}`));
      expect([answer.from, text(answer)]).toEqual([{ host: echo.host, port: echo.port }, `to ${echo.port}`]);
    }
  });

  it.each([0, 1, 1_200, LONG_BYTES])('of %i bytes arrive as they are', async (bytes) => {
    const payload = Buffer.from(Array.from({ length: bytes }, (_, i) => i % 251));
    const answer = await asked(await opened(pair), await echoing(), payload);
    expect(answer.payload.equals(payload)).toBe(true);
  });

  it('at the pace of a call arrive, each once', async () => {
    const [association, echo] = [await opened(pair), await echoing()];
    await asked(association, echo, Buffer.from('first'));
    const received: string[] = [];
    association.udp.on('message', (message: Buffer) => received.push(message.subarray(-3).toString()));
    for (let i = 0; i < CALL; i++) {
      const frame = frameFor(echo, Buffer.from(`${'voice'.repeat(30)}${String(i).padStart(3, '0')}`));
      association.udp.send(frame, association.relay.port, association.relay.host);
      await new Promise((resolve) => setTimeout(resolve, CALL_STEP_MS));
    }
    await expect.poll(() => received.length, { timeout: 5_000 }).toBeGreaterThan(CALL * 0.5);
    expect(new Set(received).size).toBe(received.length);
  });

  it('are those of one application: what comes to its port from elsewhere is dropped', async () => {
    const strange = async () =>
      (await pair.metrics('client')).sum('tributary_datagram_drops_total', { reason: 'otherSource' });
    const before = await strange();
    const [association, echo] = [await opened(pair), await echoing()];
    await asked(association, echo, Buffer.from('mine'));
    const stranger = await opened(pair);
    const frame = frameFor(echo, Buffer.from('theirs'));
    stranger.udp.send(frame, association.relay.port, association.relay.host);
    await expect.poll(async () => (await strange()) - before, { timeout: 5_000 }).toBe(1);
    expect(text(await asked(association, echo, Buffer.from('still mine')))).toBe('still mine');
  });

  it('end with the control connection', async () => {
    const association = await opened(pair);
    await asked(association, await echoing(), Buffer.from('x'));
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
    await asked(association, echo, Buffer.from('before'));
    await pair.concentrator.kill();
    const seen = pair.client.lineCount;
    await pair.startConcentrator();
    await pair.client.untilLine('"session established"', { from: seen, limitMs: 10_000 });
    expect(text(await asked(association, echo, Buffer.from('after')))).toBe('after');
  });

  it('follow rules, also when these change', async () => {
    const [association, echo] = [await opened(pair), await echoing()];
    const steering = (...rules: object[]) => pair.reconfigureClient({ steering: { rules } });
    await asked(association, echo, Buffer.from('x'));
    await steering({ protocol: 'udp', port: echo.port, block: true });
    const answer = await exchange(association, echo, Buffer.from('blocked'), 300);
    expect(text(answer)).not.toBe('blocked');
    const blocked = { reason: 'blocked' };
    expect((await pair.metrics('client')).sum('tributary_datagram_drops_total', blocked)).toBe(1);
    await steering({ protocol: 'tcp', port: echo.port, block: true });
    expect(text(await asked(association, echo, Buffer.from('again')))).toBe('again');
  });
});

describe('UDP ASSOCIATE', { timeout: 180_000 }, () => {
  it.each<[string, Parameters<typeof Pair.start>[0]]>([
    ['without UDP in the configuration', { client: { datagrams: false } }],
    ['where the concentrator carries no UDP', { concentrator: { datagrams: { enabled: false } } }],
  ])('%s: command not supported', async (_, options) => {
    const pair = await Pair.start(options);
    cleanup(() => pair.close());
    const { reply, socket } = await socksConnect(pair.socks, { host: '0.0.0.0', port: 0 }, { command: 3 });
    expect(reply).toBe(SOCKS_REPLY.commandNotSupported);
    socket.end();
    expect((await readAll(socket)).error).toBeUndefined();
  });
});
