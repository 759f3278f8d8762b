import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import { ProtocolViolation } from '../../../shared/protocol/errors.ts';
import { RecordingSink } from '../../protocol/support.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';
import { InputReader } from '../input-reader.ts';

/** The frames of a subflow, cut anywhere: however they are cut, the same comes out, or the same is refused. */
export const frameParser: FuzzTarget = {
  name: 'frame-parser',
  maxBytes: 4_096,
  seeds: () => [
    Uint8Array.of(0xff, ...encodeControl({ type: 'ping' })),
    Uint8Array.of(3, ...encodeControl({ type: 'window', streamId: 4, ack: 5, limit: 65_536 })),
    Uint8Array.of(
      0xff,
      ...encodeControl({ type: 'open', streamId: 0, limit: 9, mode: 0, host: 'a.example', port: 80 }),
    ),
    Uint8Array.of(
      0xff,
      ...encodeControl({ type: 'receipt', entries: [{ subflowId: 0, delayMicroseconds: 1, bytes: 2 }] }),
    ),
  ],
  run(input) {
    const pieces = [...new InputReader(input).pieces()];
    const cut = parse(pieces);
    const whole = parse([Buffer.concat(pieces)]);
    promise(cut === whole, `cut: ${cut}\nwhole: ${whole}`);
  },
};

function parse(pieces: readonly Uint8Array[]): string {
  const parser = new FrameParser();
  const sink = new RecordingSink();
  try {
    for (const piece of pieces) parser.push(piece, sink);
    return JSON.stringify(sink.parsed, undefined, 1);
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    return `${JSON.stringify(sink.parsed, undefined, 1)} ${error.message}`;
  }
}
