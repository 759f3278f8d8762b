import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Pair } from '../support/pair.ts';
import { readAll } from '../support/socks-client.ts';
import { helloFor, openTls, RogueClient } from '../support/subflow-client.ts';

const HANDSHAKE_LIMIT = '1s';
/** The limit once for TLS and once for what is in it, and the machine's own time. */
const GONE_WITHIN_MS = 5_000;
const MEGABYTE = 1_000_000;

describe('strangers at the concentrator', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.start({ concentrator: { limits: { handshakeTimeout: HANDSHAKE_LIMIT } } });
  });
  afterAll(() => pair.close());
  afterEach(async () => {
    const client = await RogueClient.connect(pair);
    client.socket.destroy();
  });

  it.each([
    ['zeros', Buffer.alloc(4096)],
    ['noise', randomBytes(4096)],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['a TLS record of noise', Buffer.concat([Buffer.from('1603010200', 'hex'), randomBytes(512)])],
    ['nothing', Buffer.alloc(0)],
  ])('%s before TLS: the connection ends', { timeout: GONE_WITHIN_MS }, async (_what, bytes) => {
    const socket = connect({ ...pair.subflows, allowHalfOpen: true });
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(bytes);
    const { bytes: answer } = await readAll(socket);
    // At most a TLS alert (RFC 8446 section 6), 7 bytes.
    expect(answer.length).toBeLessThanOrEqual(7);
    socket.destroy();
  });

  it('another protocol by ALPN, or TLS 1.2: no connection', { timeout: GONE_WITHIN_MS }, async () => {
    await expect(openTls(pair, 'h2')).rejects.toThrow();
    const old = connectTls({ ...pair.subflows, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
    await expect(once(old, 'secureConnect')).rejects.toThrow();
  });

  it.each([
    ['noise', () => randomBytes(4096)],
    ['a body that is announced too long', () => Buffer.from('0100000000100000', 'hex')],
    ['a session frame', () => Buffer.from('1600000000000000', 'hex')],
  ])('%s inside TLS: not a byte of an answer', { timeout: GONE_WITHIN_MS }, async (_what, bytes) => {
    const socket = await openTls(pair);
    socket.write(bytes());
    expect((await readAll(socket)).bytes).toHaveLength(0);
  });

  it.each([
    ['a wrong key', { key: randomBytes(32) }],
    ['an unknown client', { id: 'nobody', key: randomBytes(32) }],
  ])('%s: not a byte of an answer', { timeout: GONE_WITHIN_MS }, async (_what, identity) => {
    const socket = await openTls(pair);
    socket.write(helloFor(socket, pair, identity).request);
    expect((await readAll(socket)).bytes).toHaveLength(0);
  });

  it('a HELLO that is right on another connection: not a byte of an answer', {
    timeout: GONE_WITHIN_MS,
  }, async () => {
    const first = await openTls(pair);
    const { request } = helloFor(first, pair);
    first.write(request);
    await once(first, 'data');
    const second = await openTls(pair);
    second.write(request);
    expect((await readAll(second)).bytes).toHaveLength(0);
    first.destroy();
  });

  it('a HELLO that stops anywhere: ends after the time limit', { timeout: 2 * GONE_WITHIN_MS }, async () => {
    const stopAfter = async (length: number) => {
      const socket = await openTls(pair);
      socket.write(helloFor(socket, pair).request.subarray(0, length));
      return (await readAll(socket)).bytes.length;
    };
    const { length } = helloFor(await openTls(pair), pair).request;
    const lengths = Array.from({ length: 12 }, (_, i) => 1 + Math.floor(((length - 2) * i) / 11));
    expect(await Promise.all(lengths.map(stopAfter))).toEqual(lengths.map(() => 0));
  });

  it('a HELLO of a changed byte anywhere: not a byte of an answer', {
    timeout: 2 * GONE_WITHIN_MS,
  }, async () => {
    const changeAt = async (at: number) => {
      const socket = await openTls(pair);
      const request = Buffer.from(helloFor(socket, pair).request);
      // Behind the header, whose flags and reserved bytes may be anything.
      request[at]! ^= 1;
      socket.write(request);
      return (await readAll(socket)).bytes.length;
    };
    const { length } = helloFor(await openTls(pair), pair).request;
    const places = Array.from({ length: 20 }, (_, i) => 8 + Math.floor(((length - 9) * i) / 19));
    expect(await Promise.all(places.map(changeAt))).toEqual(places.map(() => 0));
  });

  it('a HELLO byte by byte: is cut off, or served when it comes in time', {
    timeout: GONE_WITHIN_MS,
  }, async () => {
    const slow = await openTls(pair);
    const bytes = helloFor(slow, pair).request.values();
    const drip = setInterval(() => slow.write(Buffer.of(bytes.next().value ?? 0)), 50);
    const fast = await openTls(pair);
    for (const byte of helloFor(fast, pair).request) fast.write(Buffer.of(byte));
    expect((await once(fast, 'data'))[0][0]).toBe(0x02);
    fast.destroy();
    expect((await readAll(slow)).bytes).toHaveLength(0);
    clearInterval(drip);
  });

  it('six hundred connections that say nothing: do not keep a client out, and are let go', {
    timeout: 20_000,
  }, async () => {
    const idle = Array.from({ length: 600 }, () => connect(pair.subflows).on('error', () => {}));
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    const client = await RogueClient.connect(pair);
    client.socket.destroy();
    await Promise.all(idle.map((socket) => readAll(socket)));
    const metrics = await pair.metrics('concentrator');
    expect(metrics.sum('process_resident_memory_bytes')).toBeLessThan(300 * MEGABYTE);
    expect(metrics.sum('tributary_handshakes_total', { result: 'tls' })).toBeGreaterThanOrEqual(600);
  });
});
