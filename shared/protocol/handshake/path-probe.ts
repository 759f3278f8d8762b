import { encodeFrame } from '../codec/frame.ts';
import { HandshakeFrameReader } from '../codec/frame-parser.ts';
import { FRAME_TYPE, MAX_PROBE_BODY_BYTES } from '../codec/wire.ts';
import { ProtocolViolation } from '../errors.ts';

/** The client's side of PROBE (SPEC.md section 5), without sockets: asks whether packets of a size get through both ways. */
export class PathProbe {
  /** What to send first. */
  readonly request: Uint8Array;
  readonly #bodyBytes: number;
  readonly #reader = new HandshakeFrameReader();

  /** @param bodyBytes of padding each way; above the longest that the protocol allows, that */
  constructor(bodyBytes: number) {
    this.#bodyBytes = Math.min(bodyBytes, MAX_PROBE_BODY_BYTES);
    this.request = encodeFrame(FRAME_TYPE.probe, 0, new Uint8Array(this.#bodyBytes));
  }

  /**
   * Takes what arrived; the result once all of the answer has.
   * @throws ProtocolViolation
   */
  receive(chunk: Uint8Array): { readonly rest: Uint8Array } | undefined {
    const frame = this.#reader.push(chunk);
    if (frame === undefined) return undefined;
    if (frame.type !== FRAME_TYPE.probed || frame.bodyBytes !== this.#bodyBytes) {
      throw new ProtocolViolation('handshake: the answer to PROBE is wrong');
    }
    return frame;
  }
}

/** The bytes of PROBED. @param bodyBytes those of PROBE */
export function encodeProbed(bodyBytes: number): Uint8Array {
  return encodeFrame(FRAME_TYPE.probed, 0, new Uint8Array(bodyBytes));
}
