import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeU32 } from '../../../shared/protocol/codec/bytes.ts';
import { FrameParser, HandshakeFrameReader } from '../../../shared/protocol/codec/frame-parser.ts';
import { FRAME_TYPE, MAX_BODY_BYTES } from '../../../shared/protocol/codec/wire.ts';
import { ProtocolViolation } from '../../../shared/protocol/errors.ts';
import { cut, cutPlaces, RecordingSink } from '../support.ts';
import { wireFrames } from './arbitraries.ts';

/** Pushes until the end or the first violation; anything else that is thrown fails the test. */
function pushGarbage(bytes: Uint8Array, cuts: readonly number[]): RecordingSink {
  const sink = new RecordingSink();
  const parser = new FrameParser();
  try {
    for (const piece of cut(bytes, cuts)) parser.push(piece, sink);
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolViolation);
  }
  return sink;
}

describe('arbitrary bytes', () => {
  it('give frames or a ProtocolViolation, and never more than came in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), cutPlaces(600), (bytes, cuts) => {
        const sink = pushGarbage(
          bytes,
          cuts.map((at) => Math.min(at, bytes.length)),
        );
        const handedOn = sink.parsed.reduce(
          (sum, item) => sum + (item.kind === 'data' ? item.payload.length / 2 : 8),
          0,
        );
        expect(handedOn).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it('give the same for good frames with some bytes changed', () => {
    const change = fc.record({ at: fc.nat(4_000), to: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(wireFrames, fc.array(change, { minLength: 1, maxLength: 5 }), (frames, changes) => {
        const bytes = Buffer.concat(frames.map((frame) => frame.bytes));
        for (const { at, to } of changes) if (at < bytes.length) bytes[at] = to;
        for (const item of pushGarbage(bytes, []).parsed) {
          if (item.kind === 'data')
            expect(Number.isSafeInteger(item.dsn + item.payload.length / 2)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('never make the handshake reader keep more than one frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 5_000 }), cutPlaces(5_000), (bytes, cuts) => {
        const reader = new HandshakeFrameReader();
        let pushed = 0;
        try {
          for (const piece of cut(
            bytes,
            cuts.map((at) => Math.min(at, bytes.length)),
          )) {
            pushed += piece.length;
            const frame = reader.push(piece);
            if (frame === undefined) continue;
            expect(frame.body.length + 8 + frame.rest.length).toBe(pushed);
            return;
          }
          expect(pushed).toBeLessThanOrEqual(8 + 2048);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolViolation);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('keep no memory for a body that has not come', () => {
    const before = process.memoryUsage().arrayBuffers;
    // Headers that promise the most, and nothing behind them.
    const parsers = Array.from({ length: 200 }, () => {
      const parser = new FrameParser();
      const header = new Uint8Array(8);
      header[0] = FRAME_TYPE.data;
      writeU32(header, 4, MAX_BODY_BYTES);
      parser.push(header, new RecordingSink());
      return parser;
    });
    const grown = process.memoryUsage().arrayBuffers - before;
    expect(parsers).toHaveLength(200);
    expect(grown).toBeLessThan(200 * 4 * 1024);
  });
});
