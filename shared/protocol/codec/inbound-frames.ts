import { ProtocolViolation } from '../errors.ts';
import { BodyReader, type BodyWriter } from './bytes.ts';
import { FIRST_INBOUND_STREAM, FLAG_LISTENING, FLAG_ONCE, FLAG_WITHDRAWN, FRAME_TYPE } from './wire.ts';

/** PUBLISH (SPEC.md section 6): the client wants a place of the concentrator to lead to it, or no longer. */
export interface PublishFrame {
  readonly type: 'publish';
  /** Which of the client's publications, 0 to 255. */
  readonly slot: number;
  /** Of the slot; the highest that was seen counts. */
  readonly generation: number;
  readonly withdrawn: boolean;
  /** One connection, from `host`, at a port that the concentrator chooses. */
  readonly once: boolean;
  /** 0 with `once`. */
  readonly port: number;
  /** The address to listen at, `*` for all; with `once` the address or name of who will connect. */
  readonly host: string;
}

/** PUBLISHED: what became of it. */
export interface PublishedFrame {
  readonly type: 'published';
  readonly slot: number;
  readonly generation: number;
  /** The concentrator counts its answers of a session, so that the newest is known. */
  readonly answer: number;
  /** It listens. */
  readonly ok: boolean;
  readonly port: number;
  readonly code: number;
  /** The address where it listens; or why not, for a person. */
  readonly text: string;
}

/** INBOUND: a visitor has connected, and has this stream. */
export interface InboundFrame {
  readonly type: 'inbound';
  readonly streamId: number;
  /** How far the client may send. */
  readonly limit: number;
  readonly slot: number;
  readonly generation: number;
  /** 4 or 16 bytes, both alike: where the visitor comes from, and where it has connected to. */
  readonly visitor: Uint8Array;
  readonly local: Uint8Array;
  readonly visitorPort: number;
  readonly localPort: number;
}

export type PublishingFrame = PublishFrame | PublishedFrame | InboundFrame;

/** Writes the body. @returns the flags */
export function encodePublishing(frame: PublishingFrame, body: BodyWriter): number {
  switch (frame.type) {
    case 'publish':
      body.u8(frame.slot).u8(0).u16(frame.port).u32(frame.generation).text(frame.host);
      return (frame.withdrawn ? FLAG_WITHDRAWN : 0) | (frame.once ? FLAG_ONCE : 0);
    case 'published':
      body.u8(frame.slot).u8(0).u16(frame.port).u32(frame.generation).u32(frame.answer);
      body.u16(frame.code).text(frame.text);
      return frame.ok ? FLAG_LISTENING : 0;
    case 'inbound':
      body.u64(frame.streamId).u64(frame.limit).u8(frame.slot);
      body
        .u8(frame.visitor.length === 4 ? 4 : 6)
        .u16(frame.visitorPort)
        .u32(frame.generation);
      body.u16(frame.localPort).u16(0).bytes(frame.visitor).bytes(frame.local);
      return 0;
  }
}

/** Reads a body of one of these types. @throws ProtocolViolation `malformedMessage` */
export function decodePublishing(type: PublishingType, flags: number, bytes: Uint8Array): PublishingFrame {
  if (type === FRAME_TYPE.publish) return decodePublish(flags, new BodyReader(bytes, 'PUBLISH'));
  if (type === FRAME_TYPE.published) return decodePublished(flags, new BodyReader(bytes, 'PUBLISHED'));
  return decodeInbound(new BodyReader(bytes, 'INBOUND'));
}

type PublishingType = (typeof FRAME_TYPE)[PublishingFrame['type']];

export function isPublishing(type: number): type is PublishingType {
  return type === FRAME_TYPE.publish || type === FRAME_TYPE.published || type === FRAME_TYPE.inbound;
}

function decodePublish(flags: number, body: BodyReader): PublishFrame {
  const slot = body.u8();
  body.u8();
  const [port, generation, host] = [body.u16(), body.u32(), body.text()];
  const [withdrawn, once] = [(flags & FLAG_WITHDRAWN) !== 0, (flags & FLAG_ONCE) !== 0];
  if (port === 0 && !once && !withdrawn) throw new ProtocolViolation('PUBLISH: port 0');
  return { type: 'publish', slot, generation, withdrawn, once, port, host };
}

function decodePublished(flags: number, body: BodyReader): PublishedFrame {
  const slot = body.u8();
  body.u8();
  const [port, generation, answer] = [body.u16(), body.u32(), body.u32()];
  const [code, text] = [body.u16(), body.text()];
  const ok = (flags & FLAG_LISTENING) !== 0;
  return { type: 'published', slot, generation, answer, ok, port, code, text };
}

function decodeInbound(body: BodyReader): InboundFrame {
  const [streamId, limit, slot, family] = [body.u64(), body.u64(), body.u8(), body.u8()];
  const [visitorPort, generation, localPort] = [body.u16(), body.u32(), body.u16()];
  body.u16();
  if (streamId < FIRST_INBOUND_STREAM) throw new ProtocolViolation('INBOUND: an id that the client gives');
  if (family !== 4 && family !== 6) throw new ProtocolViolation('INBOUND: unknown family');
  const length = family === 4 ? 4 : 16;
  const [visitor, local] = [body.bytes(length).slice(), body.bytes(length).slice()];
  return { type: 'inbound', streamId, limit, slot, generation, visitor, local, visitorPort, localPort };
}
