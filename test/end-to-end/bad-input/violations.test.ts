import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeControl, encodeFrame, writeDataHeader } from '../../../shared/protocol/codec/frame.ts';
import {
  DATA_HEADER_BYTES,
  FIRST_INBOUND_STREAM,
  FRAME_TYPE,
  MAX_SEQUENCE,
} from '../../../shared/protocol/codec/wire.ts';
import { ERROR_CODE, type ErrorName } from '../../../shared/protocol/errors.ts';
import { type Origin, startEcho, startOrigin } from '../support/origin.ts';
import { Pair } from '../support/pair.ts';
import { readAll, socksConnect } from '../support/socks-client.ts';
import { RogueClient } from '../support/subflow-client.ts';

const LIMIT_MS = 30_000;
const MEGABYTE = 1_000_000;
const WINDOW = 64 * 1024;

describe('a client that has proven its key and breaks the protocol', () => {
  let pair: Pair;
  let echo: Origin;
  beforeAll(async () => {
    pair = await Pair.start({ concentrator: { limits: { streamsPerSession: 1024 } } });
    echo = await startEcho();
  });
  afterAll(async () => {
    await echo.close();
    await pair.close();
  });
  // Another client of the same concentrator notices nothing.
  afterEach(async () => {
    const { reply, socket } = await socksConnect(pair.socks, echo);
    expect(reply).toBe(0);
    socket.end('next');
    expect((await readAll(socket)).bytes.toString()).toBe('next');
  });

  const open = (streamId = 0, destination: { host: string; port: number } = echo, limit = WINDOW) =>
    encodeControl({ ...destination, type: 'open', streamId, limit, mode: 0 });
  const violations: [string, ErrorName, () => Uint8Array[]][] = [
    ['DATA past the window', 'flowControlViolation', () => [open(), data(0, 2 ** 40, 1)]],
    ['DATA past the window before its OPEN', 'flowControlViolation', () => [data(0, WINDOW, 1)]],
    ['DATA past FIN', 'malformedMessage', () => [open(), data(0, 0, 4, true), data(0, 4, 4)]],
    ['two FINs', 'malformedMessage', () => [open(), data(0, 0, 4, true), data(0, 0, 3, true)]],
    ['DATA with neither bytes nor FIN', 'malformedMessage', () => [open(), data(0, 0, 0)]],
    ['an unknown critical frame', 'unsupportedMessage', () => [encodeFrame(0x40, 0, Buffer.alloc(9))]],
    ['HELLO again', 'unsupportedMessage', () => [encodeFrame(FRAME_TYPE.hello, 0, Buffer.alloc(99))]],
    ['OPENED, which is not its to say', 'malformedMessage', () => [opened()]],
    ['a RECEIPT for more than was sent', 'malformedMessage', () => [receipt(0, 10 ** 9)]],
    [
      'a RECEIPT without entries',
      'malformedMessage',
      () => [encodeFrame(FRAME_TYPE.receipt, 0, Buffer.of())],
    ],
    ['the largest stream id of a client', 'resourceExceeded', () => [open(FIRST_INBOUND_STREAM - 1)]],
    ['OPEN with an id of the concentrator', 'malformedMessage', () => [open(MAX_SEQUENCE)]],
    ['DATA for a stream far ahead', 'resourceExceeded', () => [data(100_000, 0, 1)]],
    ['a stream id beyond 2^53', 'malformedMessage', () => [encodeFrame(FRAME_TYPE.open, 0, FULL)]],
    ['a control frame that is too long', 'malformedMessage', () => [encodeFrame(FRAME_TYPE.ping, 0, LONG)]],
    ['OPEN to port 0', 'malformedMessage', () => [open(0, { host: '127.0.0.1', port: 0 })]],
    ['noise', 'unsupportedMessage', () => [Buffer.alloc(100, 0x7e)]],
  ];

  it.each(violations)('%s: CLOSE with %s', { timeout: LIMIT_MS }, async (_what, error, frames) => {
    const client = await RogueClient.connect(pair);
    client.socket.write(Buffer.concat(frames()));
    expect((await client.next('close')).code).toBe(ERROR_CODE[error]);
    await readAll(client.socket);
  });

  it('more streams than it may have: those are refused, and the others go on', {
    timeout: 180_000,
  }, async () => {
    const origin = await startOrigin();
    const client = await RogueClient.connect(pair);
    client.socket.write(Buffer.concat(Array.from({ length: 1_500 }, (_, id) => open(id, origin))));
    const refused = () => client.frames.filter((frame) => frame.type === 'opened' && !frame.ok);
    // An eighth more than it was told.
    await expect.poll(() => refused().length, { timeout: LIMIT_MS }).toBe(1_500 - 1_152);
    expect(new Set(refused().map((frame) => 'code' in frame && frame.code))).toEqual(
      new Set([ERROR_CODE.resourceExceeded]),
    );
    expect(client.socket.destroyed).toBe(false);
    client.socket.destroy();
    await origin.close();
  });

  it('what it may not know yet is skipped', { timeout: LIMIT_MS }, async () => {
    const client = await RogueClient.connect(pair);
    client.socket.write(encodeFrame(0xff, 0xff, Buffer.alloc(60_000)));
    client.socket.write(open());
    expect(await client.next('opened')).toMatchObject({ streamId: 0, ok: true });
    client.socket.destroy();
  });

  it('one that reads nothing: gets no more than the window, and holds nobody up', {
    timeout: 180_000,
  }, async () => {
    const origin = await startOrigin((socket) => {
      const send = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
      };
      socket.on('drain', send);
      send();
    });
    const client = await RogueClient.connect(pair);
    client.socket.pause();
    const streams = Array.from({ length: 100 }, (_, id) => open(id, origin, 2 ** 40));
    client.socket.write(Buffer.concat(streams));
    await expect.poll(() => origin.sockets.size, { timeout: LIMIT_MS }).toBe(100);
    const { reply, socket } = await socksConnect(pair.socks, echo);
    expect(reply).toBe(0);
    socket.end(Buffer.alloc(MEGABYTE));
    expect((await readAll(socket)).bytes).toHaveLength(MEGABYTE);
    const metrics = await pair.metrics('concentrator');
    expect(metrics.sum('process_resident_memory_bytes')).toBeLessThan(400 * MEGABYTE);
    client.socket.destroy();
    await origin.close();
  });
});

const FULL = Buffer.alloc(40, 0xff);
const LONG = Buffer.alloc(3000);

function data(streamId: number, dsn: number, length: number, fin = false): Uint8Array {
  const frame = new Uint8Array(DATA_HEADER_BYTES + length);
  writeDataHeader(frame, 0, streamId, dsn, length, fin);
  return frame;
}

function opened(): Uint8Array {
  return encodeControl({ type: 'opened', streamId: 0, limit: 0, ok: true, code: 0 });
}

function receipt(subflowId: number, bytes: number): Uint8Array {
  return encodeControl({ type: 'receipt', entries: [{ subflowId, delayMicroseconds: 0, bytes }] });
}
