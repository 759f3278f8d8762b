import { ProtocolViolation } from '../errors.ts';
import { BodyReader, BodyWriter, writeU16, writeU32, writeU64 } from './bytes.ts';
import {
  type DatagramFrame,
  decodeDatagramFrame,
  encodeDatagramFrame,
  isDatagramFrame,
} from './datagram-frames.ts';
import { decodePublishing, encodePublishing, isPublishing, type PublishingFrame } from './inbound-frames.ts';
import { decodeSteering, encodeSteering, type SteeringFrame } from './steering-frame.ts';
import {
  DATA_HEADER_BYTES,
  FLAG_FIN,
  FLAG_METERED,
  FLAG_NO_JOIN_HERE,
  FLAG_OPENED_OK,
  FRAME_HEADER_BYTES,
  FRAME_TYPE,
  MAX_CONTROL_BODY_BYTES,
} from './wire.ts';

/** Session frames other than DATA (SPEC.md sections 6 to 8). */
export type ControlFrame =
  | { readonly type: 'reset'; readonly streamId: number; readonly code: number }
  | {
      readonly type: 'open';
      readonly streamId: number;
      readonly limit: number;
      readonly mode: number;
      readonly host: string;
      readonly port: number;
    }
  | {
      readonly type: 'opened';
      readonly streamId: number;
      readonly limit: number;
      readonly ok: boolean;
      readonly code: number;
    }
  | { readonly type: 'window'; readonly streamId: number; readonly ack: number; readonly limit: number }
  | { readonly type: 'receipt'; readonly entries: readonly ReceiptEntry[] }
  | { readonly type: 'ping' }
  | { readonly type: 'subflowState'; readonly subflowId: number; readonly state: RemoteSubflowState }
  | {
      readonly type: 'priority';
      readonly subflowId: number;
      readonly backup: boolean;
      readonly generation: number;
    }
  | {
      readonly type: 'addressAdd';
      readonly addressId: number;
      readonly address: Uint8Array;
      readonly port: number;
      readonly joinHere: boolean;
    }
  | { readonly type: 'addressRemove'; readonly addressId: number }
  | { readonly type: 'subflowsWish'; readonly subflowId: number; readonly count: number }
  | SteeringFrame
  | {
      readonly type: 'rateLimit';
      readonly subflowId: number;
      readonly bytesPerSecond: number;
      readonly metered: boolean;
      readonly generation: number;
    }
  | { readonly type: 'utilization'; readonly subflowId: number; readonly percent: number }
  | { readonly type: 'keepAlive'; readonly streamId: number; readonly seconds: number }
  | { readonly type: 'goaway'; readonly code: number }
  | { readonly type: 'close'; readonly code: number }
  | PublishingFrame
  | DatagramFrame;

export interface ReceiptEntry {
  readonly subflowId: number;
  /** How long the last of `bytes` waited for this receipt. */
  readonly delayMicroseconds: number;
  /** Cumulative session-frame bytes parsed on the subflow. */
  readonly bytes: number;
}

const REMOTE_STATES = ['active', 'doubted', 'gone'] as const;
export type RemoteSubflowState = (typeof REMOTE_STATES)[number];

const RECEIPT_ENTRY_BYTES = 16;
export const MAX_RECEIPT_ENTRIES = Math.floor(MAX_CONTROL_BODY_BYTES / RECEIPT_ENTRY_BYTES);

/** Writes a DATA header of 24 bytes at `offset` (section 6). */
export function writeDataHeader(
  target: Uint8Array,
  offset: number,
  streamId: number,
  dsn: number,
  payloadBytes: number,
  fin: boolean,
): void {
  target[offset] = FRAME_TYPE.data;
  target[offset + 1] = fin ? FLAG_FIN : 0;
  writeU16(target, offset + 2, 0);
  writeU32(target, offset + 4, DATA_HEADER_BYTES - FRAME_HEADER_BYTES + payloadBytes);
  writeU64(target, offset + 8, streamId);
  writeU64(target, offset + 16, dsn);
}

/** A frame from its parts. */
export function encodeFrame(type: number, flags: number, body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  frame[0] = type;
  frame[1] = flags;
  writeU32(frame, 4, body.length);
  frame.set(body, FRAME_HEADER_BYTES);
  return frame;
}

/** The bytes of a control frame. */
export function encodeControl(frame: ControlFrame): Uint8Array {
  const body = new BodyWriter();
  let flags = 0;
  switch (frame.type) {
    case 'reset':
      body.u64(frame.streamId).u16(frame.code);
      break;
    case 'open':
      body.u64(frame.streamId).u64(frame.limit).u8(frame.mode).u8(0).u16(frame.port).text(frame.host);
      break;
    case 'opened':
      flags = frame.ok ? FLAG_OPENED_OK : 0;
      body.u64(frame.streamId).u64(frame.limit).u16(frame.code);
      break;
    case 'window':
      body.u64(frame.streamId).u64(frame.ack).u64(frame.limit);
      break;
    case 'receipt':
      for (const entry of frame.entries) {
        body.u32(entry.subflowId).u32(entry.delayMicroseconds).u64(entry.bytes);
      }
      break;
    case 'ping':
      break;
    case 'subflowState':
      body.u32(frame.subflowId).u8(REMOTE_STATES.indexOf(frame.state));
      break;
    case 'priority':
      body
        .u32(frame.subflowId)
        .u8(frame.backup ? 1 : 0)
        .u32(frame.generation);
      break;
    case 'addressAdd':
      flags = frame.joinHere ? 0 : FLAG_NO_JOIN_HERE;
      body
        .u8(frame.addressId)
        .u8(frame.address.length === 4 ? 4 : 6)
        .u16(frame.port)
        .bytes(frame.address);
      break;
    case 'addressRemove':
      body.u8(frame.addressId);
      break;
    case 'subflowsWish':
      body.u32(frame.subflowId).u8(frame.count);
      break;
    case 'utilization':
      body.u32(frame.subflowId).u8(frame.percent);
      break;
    case 'steering':
      encodeSteering(frame, body);
      break;
    case 'rateLimit':
      flags = frame.metered ? FLAG_METERED : 0;
      body.u32(frame.subflowId).u64(frame.bytesPerSecond).u32(frame.generation);
      break;
    case 'keepAlive':
      body.u64(frame.streamId).u16(frame.seconds);
      break;
    case 'goaway':
    case 'close':
      body.u16(frame.code);
      break;
    case 'publish':
    case 'published':
    case 'inbound':
      flags = encodePublishing(frame, body);
      break;
    default:
      flags = encodeDatagramFrame(frame, body);
  }
  return encodeFrame(FRAME_TYPE[frame.type], flags, body.finish());
}

/**
 * Reads the body of a control frame. Bytes behind the known fields are ignored (section 3).
 * @throws ProtocolViolation `malformedMessage`, or `unsupportedMessage` for an unknown type.
 */
export function decodeControl(type: number, flags: number, bytes: Uint8Array): ControlFrame {
  switch (type) {
    case FRAME_TYPE.reset: {
      const body = new BodyReader(bytes, 'RESET');
      return { type: 'reset', streamId: body.u64(), code: body.u16() };
    }
    case FRAME_TYPE.open: {
      const body = new BodyReader(bytes, 'OPEN');
      const [streamId, limit, mode] = [body.u64(), body.u64(), body.u8()];
      body.u8();
      const port = body.u16();
      if (port === 0) throw new ProtocolViolation('OPEN: port 0');
      return { type: 'open', streamId, limit, mode, port, host: body.text() };
    }
    case FRAME_TYPE.opened: {
      const body = new BodyReader(bytes, 'OPENED');
      const ok = (flags & FLAG_OPENED_OK) !== 0;
      return { type: 'opened', streamId: body.u64(), limit: body.u64(), ok, code: body.u16() };
    }
    case FRAME_TYPE.window: {
      const body = new BodyReader(bytes, 'WINDOW');
      return { type: 'window', streamId: body.u64(), ack: body.u64(), limit: body.u64() };
    }
    case FRAME_TYPE.receipt:
      return decodeReceipt(bytes);
    case FRAME_TYPE.ping:
      return { type: 'ping' };
    case FRAME_TYPE.subflowState: {
      const body = new BodyReader(bytes, 'SUBFLOW_STATE');
      const subflowId = body.u32();
      const state = REMOTE_STATES[body.u8()];
      if (state === undefined) throw new ProtocolViolation('SUBFLOW_STATE: unknown state');
      return { type: 'subflowState', subflowId, state };
    }
    case FRAME_TYPE.priority: {
      const body = new BodyReader(bytes, 'PRIORITY');
      const [subflowId, backup, generation] = [body.u32(), body.u8() !== 0, body.u32()];
      return { type: 'priority', subflowId, backup, generation };
    }
    case FRAME_TYPE.addressAdd: {
      const body = new BodyReader(bytes, 'ADDRESS_ADD');
      const [addressId, family, port] = [body.u8(), body.u8(), body.u16()];
      if (family !== 4 && family !== 6) throw new ProtocolViolation('ADDRESS_ADD: unknown family');
      if (port === 0) throw new ProtocolViolation('ADDRESS_ADD: port 0');
      const address = body.bytes(family === 4 ? 4 : 16).slice();
      return { type: 'addressAdd', addressId, port, address, joinHere: (flags & FLAG_NO_JOIN_HERE) === 0 };
    }
    case FRAME_TYPE.addressRemove:
      return { type: 'addressRemove', addressId: new BodyReader(bytes, 'ADDRESS_REMOVE').u8() };
    case FRAME_TYPE.subflowsWish: {
      const body = new BodyReader(bytes, 'SUBFLOWS_WISH');
      const [subflowId, count] = [body.u32(), body.u8()];
      if (count === 0) throw new ProtocolViolation('SUBFLOWS_WISH: none');
      return { type: 'subflowsWish', subflowId, count };
    }
    case FRAME_TYPE.steering:
      return decodeSteering(bytes);
    case FRAME_TYPE.utilization: {
      const body = new BodyReader(bytes, 'UTILIZATION');
      const [subflowId, percent] = [body.u32(), body.u8()];
      if (percent > 100) throw new ProtocolViolation('UTILIZATION: above 100 %');
      return { type: 'utilization', subflowId, percent };
    }
    case FRAME_TYPE.rateLimit:
      return decodeRateLimit(flags, new BodyReader(bytes, 'RATE_LIMIT'));
    case FRAME_TYPE.keepAlive:
      return decodeKeepAlive(new BodyReader(bytes, 'KEEP_ALIVE'));
    case FRAME_TYPE.goaway:
      return { type: 'goaway', code: new BodyReader(bytes, 'GOAWAY').u16() };
    case FRAME_TYPE.close:
      return { type: 'close', code: new BodyReader(bytes, 'CLOSE').u16() };
    default:
      if (isPublishing(type)) return decodePublishing(type, flags, bytes);
      if (isDatagramFrame(type)) return decodeDatagramFrame(type, flags, bytes);
      throw unknownType(type);
  }
}

/** The violation of a critical type that is not known, or of a handshake message behind the handshake. */
export function unknownType(type: number): ProtocolViolation {
  return new ProtocolViolation(`frame type 0x${type.toString(16)} is not known here`, 'unsupportedMessage');
}

function decodeRateLimit(flags: number, body: BodyReader): ControlFrame {
  const metered = (flags & FLAG_METERED) !== 0;
  const [subflowId, bytesPerSecond, generation] = [body.u32(), body.u64(), body.u32()];
  return { type: 'rateLimit', subflowId, bytesPerSecond, metered, generation };
}

function decodeKeepAlive(body: BodyReader): ControlFrame {
  const [streamId, seconds] = [body.u64(), body.u16()];
  if (seconds === 0) throw new ProtocolViolation('KEEP_ALIVE: no time');
  return { type: 'keepAlive', streamId, seconds };
}

function decodeReceipt(bytes: Uint8Array): ControlFrame {
  const body = new BodyReader(bytes, 'RECEIPT');
  if (body.remaining < RECEIPT_ENTRY_BYTES) throw new ProtocolViolation('RECEIPT: no entry');
  const entries: ReceiptEntry[] = [];
  // Whole entries only: a shorter rest is an extension that this version does not know.
  while (body.remaining >= RECEIPT_ENTRY_BYTES) {
    entries.push({ subflowId: body.u32(), delayMicroseconds: body.u32(), bytes: body.u64() });
  }
  return { type: 'receipt', entries };
}
