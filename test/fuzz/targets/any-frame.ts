import { type ControlFrame, writeDataHeader } from '../../../shared/protocol/codec/frame.ts';
import { DATA_HEADER_BYTES, FRAME_TYPE, MAX_SEQUENCE } from '../../../shared/protocol/codec/wire.ts';
import type { RateLimit } from '../../../shared/protocol/uplink/rate-limit.ts';
import type { InputReader } from '../input-reader.ts';

/** Frames name subflows below this. */
export const MAX_SUBFLOWS = 4;
/** The names of uplinks. */
export const UPLINKS = ['a', 'b'] as const;

const STATES = ['active', 'doubted', 'gone'] as const;

/** A type of a frame, a known one or not. */
export function anyType(reader: InputReader): number {
  const types = Object.values(FRAME_TYPE);
  const index = reader.u8();
  return types[index] ?? index;
}

/** What an uplink may carry. */
export function anyLimit(reader: InputReader): RateLimit {
  return {
    sendBytesPerSecond: reader.u32(),
    receiveBytesPerSecond: reader.u16(),
    isMetered: reader.u8() % 2 === 0,
  };
}

/** A DATA frame. */
export function dataFrame(reader: InputReader): Uint8Array {
  const id = Math.min(reader.number(), MAX_SEQUENCE);
  const dsn = Math.min(reader.number(), MAX_SEQUENCE);
  const isLast = reader.u8() % 4 === 1;
  const payload = reader.short();
  const frame = new Uint8Array(DATA_HEADER_BYTES + payload.length);
  writeDataHeader(frame, 0, id, dsn, payload.length, isLast);
  frame.set(payload, DATA_HEADER_BYTES);
  return frame;
}

/** Any control frame that has a right form. */
export function anyFrame(reader: InputReader): ControlFrame {
  const number = () => Math.min(reader.number(), MAX_SEQUENCE);
  const small = () => reader.u8() % MAX_SUBFLOWS;
  switch (reader.u8() % 16) {
    case 0: {
      const [limit, mode, port] = [number(), reader.u8(), reader.u16()];
      return { type: 'open', streamId: number(), limit, mode, port, host: 'o.example' };
    }
    case 1:
      return {
        type: 'opened',
        streamId: number(),
        limit: number(),
        ok: reader.u8() % 4 > 0,
        code: reader.u8(),
      };
    case 2:
      return { type: 'window', streamId: number(), ack: number(), limit: number() };
    case 3: {
      const entries = Array.from({ length: 1 + small() }, () => ({
        subflowId: small(),
        delayMicroseconds: reader.u16(),
        bytes: number(),
      }));
      return { type: 'receipt', entries };
    }
    case 4:
      return { type: 'ping' };
    case 5:
      return { type: 'subflowState', subflowId: small(), state: STATES[reader.u8() % 3]! };
    case 6:
      return {
        type: 'priority',
        subflowId: small(),
        backup: reader.u8() % 2 === 0,
        generation: reader.u32(),
      };
    case 7:
      return { type: 'reset', streamId: number(), code: reader.u8() };
    case 8: {
      const address = reader.take(reader.u8() % 2 === 0 ? 4 : 16);
      return {
        type: 'addressAdd',
        addressId: reader.u8(),
        address: padded(address),
        port: 443,
        joinHere: true,
      };
    }
    case 9:
      return { type: 'addressRemove', addressId: reader.u8() };
    case 10:
      return { type: 'subflowsWish', subflowId: small(), count: reader.u8() };
    case 11:
      return {
        type: 'rateLimit',
        subflowId: small(),
        bytesPerSecond: number(),
        metered: reader.u8() % 2 === 0,
        generation: reader.u32(),
      };
    case 12:
      return { type: 'utilization', subflowId: small(), percent: reader.u8() };
    case 13:
      return { type: 'goaway', code: reader.u8() };
    case 14:
      return { type: 'keepAlive', streamId: number(), seconds: 1 + reader.u8() };
    default:
      return anySteering(reader);
  }
}

function anySteering(reader: InputReader): ControlFrame {
  const uplinks = Array.from({ length: reader.u8() % 4 }, (_, index) => ({
    name: UPLINKS[index % 2]!,
    isOnly: reader.u8() % 2 === 0,
    isOrdered: reader.u8() % 2 === 0,
    weight: reader.u16(),
  }));
  const [mode, maxRttMs, generation] = [reader.u8(), reader.u16(), reader.u8()];
  const streamId = Math.min(reader.number(), MAX_SEQUENCE);
  return { type: 'steering', streamId, generation, mode, maxRttMs, maxLossMillionths: undefined, uplinks };
}

function padded(address: Uint8Array): Uint8Array {
  const whole = new Uint8Array(address.length <= 4 ? 4 : 16);
  whole.set(address);
  return whole;
}
