import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeControl, encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import { SESSION_TYPES } from '../../../shared/protocol/codec/wire.ts';
import { cut, cutPlaces, hex, type Parsed, parseAll, RecordingSink, toHex } from '../support.ts';
import { wireFrames } from './arbitraries.ts';

/** The plainest possible parser: everything is there before the first frame is looked at. */
function oracle(bytes: Uint8Array): Parsed[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const parsed: Parsed[] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const [type, flags, length] = [view.getUint8(at), view.getUint8(at + 1), view.getUint32(at + 4)];
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (type === 0x10) {
      const [streamId, dsn] = [Number(view.getBigUint64(at + 8)), Number(view.getBigUint64(at + 16))];
      parsed.push({ kind: 'data', streamId, dsn, payload: toHex(body.subarray(16)), fin: (flags & 1) === 1 });
    } else if (SESSION_TYPES.has(type)) {
      parsed.push({ kind: 'control', frame: decodeControl(type, flags, Uint8Array.from(body)) });
    }
    at += 8 + length;
  }
  return joinNeighbours(parsed);
}

/** Two DATA frames that continue each other look like two pieces of one: RecordingSink joins them, so this must. */
function joinNeighbours(parsed: readonly Parsed[]): Parsed[] {
  const sink = new RecordingSink();
  for (const item of parsed) {
    if (item.kind === 'data') sink.onData(item.streamId, item.dsn, hex(item.payload), item.fin);
    else sink.onControl(item.frame);
  }
  return sink.parsed;
}

const EVERY_KIND = Buffer.concat([
  hex('10 00 0000 00000015  0000000000000005 0000000000000100 6162636465'),
  hex('ee ff ffff 00000003  010203'),
  encodeControl({ type: 'open', streamId: 6, limit: 9, mode: 0, host: 'example.org', port: 25 }),
  hex('10 01 0000 00000010  0000000000000005 0000000000000105'),
  encodeControl({ type: 'ping' }),
  hex('ff 00 0000 00000000'),
  encodeControl({ type: 'receipt', entries: [{ subflowId: 1, delayMicroseconds: 2, bytes: 3 }] }),
]);

describe('FrameParser', () => {
  it('agrees with a naive parser on any bytes and any cuts', () => {
    fc.assert(
      fc.property(wireFrames, cutPlaces(8_000), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map((frame) => frame.bytes));
        const places = cuts.map((at) => Math.min(at, bytes.length));
        expect(parseAll(bytes, places)).toEqual(oracle(bytes));
      }),
      { numRuns: 200 },
    );
  });

  it('hands on nothing early and nothing wrong when cut off at any byte', () => {
    const whole = oracle(EVERY_KIND);
    for (let end = 0; end <= EVERY_KIND.length; end++) {
      for (const cuts of [[], Array.from({ length: end }, (_, i) => i)]) {
        const parsed = parseAll(EVERY_KIND.subarray(0, end), cuts);
        const last = parsed.at(-1);
        parsed.forEach((item, i) => {
          if (item !== last || item.kind === 'control') {
            expect(item).toEqual(whole[i]);
            return;
          }
          // Only the last DATA frame may be incomplete: then it is a beginning of the real one, and FIN is not told.
          const real = whole[i];
          if (real?.kind !== 'data') throw new Error('DATA where there is none');
          expect(real.payload.startsWith(item.payload)).toBe(true);
          expect(item.fin).toBe(item.payload.length === real.payload.length && real.fin);
          expect([item.streamId, item.dsn]).toEqual([real.streamId, real.dsn]);
        });
      }
    }
    expect(parseAll(EVERY_KIND)).toEqual(whole);
  });

  it('tells FIN with the last piece of its frame only', () => {
    const frame = hex('10 01 0000 00000014  0000000000000001 0000000000000000 61626364');
    const seen: [number, number, boolean][] = [];
    const parser = new FrameParser();
    for (const piece of cut(frame, [25, 26])) {
      parser.push(piece, {
        onData: (_, dsn, payload, fin) => seen.push([dsn, payload.length, fin]),
        onControl: () => undefined,
      });
    }
    expect(seen).toEqual([
      [0, 1, false],
      [1, 1, false],
      [2, 2, true],
    ]);
  });

  it('hands on payload without copying it', () => {
    const frame = hex('10 00 0000 00000012  0000000000000001 0000000000000000 6162');
    let payload: Uint8Array | undefined;
    new FrameParser().push(frame, {
      onData: (_id, _dsn, bytes) => {
        payload = bytes;
      },
      onControl: () => undefined,
    });
    expect(payload?.buffer).toBe(frame.buffer);
  });

  it('gives control frames memory of their own', () => {
    const parser = new FrameParser();
    const sink = new RecordingSink();
    parser.push(hex('19 00 0000 00000008  09 04 01bb 01020304'), sink);
    parser.push(hex('19 00 0000 00000008  0a 04 01bb 05060708'), sink);
    const addresses = sink.parsed.map((item) =>
      item.kind === 'control' && item.frame.type === 'addressAdd' ? toHex(item.frame.address) : '',
    );
    expect(addresses).toEqual(['01020304', '05060708']);
  });
});
