import { ProtocolViolation } from '../errors.ts';
import { readU32, readU64 } from './bytes.ts';
import { type ControlFrame, decodeControl, unknownType } from './frame.ts';
import {
  DATA_HEADER_BYTES,
  FIRST_IGNORABLE_TYPE,
  FLAG_FIN,
  FRAME_HEADER_BYTES,
  FRAME_TYPE,
  MAX_BODY_BYTES,
  MAX_CONTROL_BODY_BYTES,
  MAX_PROBE_BODY_BYTES,
  SESSION_TYPES,
} from './wire.ts';

export interface FrameSink {
  /**
   * A piece of a DATA frame's payload, handed on as it arrives, without copying. `fin` is true with the last piece of a frame that
   * carries FIN; that piece may be empty.
   */
  onData(streamId: number, dsn: number, payload: Uint8Array, fin: boolean): void;
  onControl(frame: ControlFrame): void;
}

const NOTHING = new Uint8Array(0);

/**
 * Splits one subflow's byte stream into frames (SPEC.md section 3), whatever way it was cut. Holds at most one
 * control frame.
 */
export class FrameParser {
  /** Collects a header, or a whole control frame. */
  readonly #pending = new Uint8Array(FRAME_HEADER_BYTES + MAX_CONTROL_BODY_BYTES);
  #pendingBytes = 0;
  #wantedBytes = FRAME_HEADER_BYTES;
  #mode: 'collect' | 'payload' | 'skip' = 'collect';
  #restBytes = 0;
  #streamId = 0;
  #dsn = 0;
  #fin = false;

  /** @throws ProtocolViolation; the parser must not be used afterwards. */
  push(chunk: Uint8Array, sink: FrameSink): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#mode === 'collect') offset = this.#collect(chunk, offset, sink);
      else offset = this.#passOn(chunk, offset, sink);
    }
  }

  #passOn(chunk: Uint8Array, offset: number, sink: FrameSink): number {
    const end = Math.min(chunk.length, offset + this.#restBytes);
    this.#restBytes -= end - offset;
    if (this.#mode === 'payload') {
      const last = this.#restBytes === 0;
      const payload = offset === 0 && end === chunk.length ? chunk : chunk.subarray(offset, end);
      sink.onData(this.#streamId, this.#dsn, payload, last && this.#fin);
      this.#dsn += end - offset;
    }
    if (this.#restBytes === 0) this.#expectHeader();
    return end;
  }

  #collect(chunk: Uint8Array, offset: number, sink: FrameSink): number {
    const end = Math.min(chunk.length, offset + this.#wantedBytes - this.#pendingBytes);
    this.#pending.set(
      offset === 0 && end === chunk.length ? chunk : chunk.subarray(offset, end),
      this.#pendingBytes,
    );
    this.#pendingBytes += end - offset;
    if (this.#pendingBytes === this.#wantedBytes) this.#advance(sink);
    return end;
  }

  /** The wanted bytes are there: a common header, a DATA header, or a whole control frame. */
  #advance(sink: FrameSink): void {
    const type = this.#pending[0]!;
    const bodyBytes = readU32(this.#pending, 4);
    if (this.#pendingBytes === FRAME_HEADER_BYTES) {
      this.#checkHeader(type, bodyBytes);
      if (!SESSION_TYPES.has(type)) {
        this.#startSkip(bodyBytes);
        return;
      }
      this.#wantedBytes = type === FRAME_TYPE.data ? DATA_HEADER_BYTES : FRAME_HEADER_BYTES + bodyBytes;
      if (this.#wantedBytes > FRAME_HEADER_BYTES) return;
    }
    if (type === FRAME_TYPE.data) {
      this.#startPayload(bodyBytes, sink);
      return;
    }
    // A copy, since frames keep parts of their body and the buffer is used again.
    const body = this.#pending.slice(FRAME_HEADER_BYTES, this.#wantedBytes);
    this.#expectHeader();
    sink.onControl(decodeControl(type, this.#pending[1]!, body));
  }

  #checkHeader(type: number, bodyBytes: number): void {
    const isKnown = SESSION_TYPES.has(type);
    // Before its length: an unknown type's limit is unknown, too.
    if (type < FIRST_IGNORABLE_TYPE && !isKnown) throw unknownType(type);
    const most = type === FRAME_TYPE.data || !isKnown ? MAX_BODY_BYTES : MAX_CONTROL_BODY_BYTES;
    if (bodyBytes > most) throw new ProtocolViolation(`frame type 0x${type.toString(16)}: body too long`);
    if (type === FRAME_TYPE.data && bodyBytes < DATA_HEADER_BYTES - FRAME_HEADER_BYTES) {
      throw new ProtocolViolation('DATA: body too short');
    }
  }

  #startSkip(bodyBytes: number): void {
    this.#expectHeader();
    if (bodyBytes === 0) return;
    this.#mode = 'skip';
    this.#restBytes = bodyBytes;
  }

  #startPayload(bodyBytes: number, sink: FrameSink): void {
    this.#streamId = readU64(this.#pending, 8);
    this.#dsn = readU64(this.#pending, 16);
    this.#fin = (this.#pending[1]! & FLAG_FIN) !== 0;
    const payloadBytes = bodyBytes - (DATA_HEADER_BYTES - FRAME_HEADER_BYTES);
    if (!Number.isSafeInteger(this.#dsn + payloadBytes)) {
      throw new ProtocolViolation('DATA: the last DSN is above 2^53 - 1');
    }
    this.#expectHeader();
    if (payloadBytes === 0) {
      if (!this.#fin) throw new ProtocolViolation('DATA: neither payload nor FIN');
      sink.onData(this.#streamId, this.#dsn, NOTHING, true);
      return;
    }
    this.#mode = 'payload';
    this.#restBytes = payloadBytes;
  }

  #expectHeader(): void {
    this.#mode = 'collect';
    this.#pendingBytes = 0;
    this.#wantedBytes = FRAME_HEADER_BYTES;
  }
}

/** A frame of the handshake. */
export interface HandshakeFrame {
  readonly type: number;
  readonly flags: number;
  /** Without the padding of PROBE and PROBED, which is not kept. */
  readonly body: Uint8Array;
  readonly bodyBytes: number;
  /** What came behind it. */
  readonly rest: Uint8Array;
}

/** Collects one frame of the handshake; everything behind it is left over. */
export class HandshakeFrameReader {
  readonly #buffer = new Uint8Array(FRAME_HEADER_BYTES + MAX_CONTROL_BODY_BYTES);
  #bytes = 0;

  /**
   * The frame once it is whole, with the bytes behind it; undefined while it is not.
   * @throws ProtocolViolation when it is longer than allowed.
   */
  push(chunk: Uint8Array): HandshakeFrame | undefined {
    const before = this.#bytes;
    this.#buffer.set(
      chunk.subarray(0, Math.max(0, this.#buffer.length - before)),
      Math.min(before, this.#buffer.length),
    );
    this.#bytes += chunk.length;
    if (this.#bytes < FRAME_HEADER_BYTES) return undefined;
    const type = this.#buffer[0]!;
    const bodyBytes = readU32(this.#buffer, 4);
    const isPadding = type === FRAME_TYPE.probe || type === FRAME_TYPE.probed;
    if (bodyBytes > (isPadding ? MAX_PROBE_BODY_BYTES : MAX_CONTROL_BODY_BYTES)) {
      throw new ProtocolViolation('handshake: body too long');
    }
    const frameBytes = FRAME_HEADER_BYTES + bodyBytes;
    if (this.#bytes < frameBytes) return undefined;
    return {
      type,
      flags: this.#buffer[1]!,
      body: isPadding ? NOTHING : this.#buffer.slice(FRAME_HEADER_BYTES, frameBytes),
      bodyBytes,
      rest: chunk.subarray(frameBytes - before),
    };
  }
}
