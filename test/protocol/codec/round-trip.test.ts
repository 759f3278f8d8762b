import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyReader, BodyWriter } from '../../../shared/protocol/codec/bytes.ts';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import { cut, cutPlaces, hex, parseAll, RecordingSink, thrownBy } from '../support.ts';
import { controlFrame, wireFrames } from './arbitraries.ts';

describe('round trips', () => {
  it('reads every control frame as it was written', () => {
    fc.assert(
      fc.property(controlFrame, (frame) => {
        expect(parseAll(encodeControl(frame))).toEqual([{ kind: 'control', frame }]);
      }),
      { numRuns: 500 },
    );
  });

  it('reads any sequence of frames, however it is cut', () => {
    fc.assert(
      fc.property(wireFrames, cutPlaces(20_000), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map((frame) => frame.bytes));
        const parser = new FrameParser();
        const found = frames.map(() => new RecordingSink());
        // Each frame has its own sink, so that neighbouring DATA frames are not mistaken for pieces of one.
        const ends = frames.map((_, i) => frames.slice(0, i + 1).reduce((sum, f) => sum + f.bytes.length, 0));
        let offset = 0;
        for (const piece of cut(bytes, [...ends, ...cuts.map((at) => Math.min(at, bytes.length))])) {
          offset += piece.length;
          const sink = found[ends.findIndex((end) => offset <= end)];
          if (sink !== undefined) parser.push(piece, sink);
        }
        expect(found.map((sink) => sink.parsed[0])).toEqual(frames.map((frame) => frame.parsed));
        expect(found.every((sink) => sink.parsed.length <= 1)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps a byte order mark in a text, where TextDecoder would drop it', () => {
    const body = new BodyWriter().text('\ufeffa').finish();
    expect(new BodyReader(body, 'test').text()).toBe('\ufeffa');
  });

  it('refuses to write a text that its length byte can not say', () => {
    const misuse = { name: 'MisuseError', code: 'internalError' };
    expect(thrownBy(() => new BodyWriter().text('x'.repeat(256)))).toEqual(misuse);
    expect(thrownBy(() => new BodyWriter().text(''))).toEqual(misuse);
    expect(new BodyWriter().text('x'.repeat(255)).finish()).toHaveLength(256);
  });

  it('refuses a text that is empty or not UTF-8', () => {
    const violation = { name: 'ProtocolViolation', code: 'malformedMessage' };
    expect(thrownBy(() => new BodyReader(hex('00'), 'test').text())).toEqual(violation);
    expect(thrownBy(() => new BodyReader(hex('02 c328'), 'test').text())).toEqual(violation);
    expect(thrownBy(() => new BodyReader(hex('03 6161'), 'test').text())).toEqual(violation);
  });
});
