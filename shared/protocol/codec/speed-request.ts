import { ProtocolViolation } from '../errors.ts';
import { BodyReader, BodyWriter, readU64 } from './bytes.ts';

/** Where a stream goes that measures the session (SPEC.md section 6, Speed): a name that cannot exist (RFC 6761 section 6.4). */
export const SPEED_SERVICE = { host: 'speed.tributary.invalid', port: 9 } as const;

export type SpeedDirection = 'down' | 'up';

/** What a client wants to measure: so many bytes from the concentrator, or to it. */
export interface SpeedRequest {
  readonly direction: SpeedDirection;
  readonly bytes: number;
}

/** A direction and a count. */
export const SPEED_REQUEST_BYTES = 9;
/** A count. */
export const SPEED_REPORT_BYTES = 8;

const DIRECTIONS = ['down', 'up'] as const;

/** The request as the first bytes of a stream. */
export function encodeSpeedRequest({ direction, bytes }: SpeedRequest): Uint8Array {
  return new BodyWriter().u8(DIRECTIONS.indexOf(direction)).u64(bytes).finish();
}

/** Reads a whole request. @throws ProtocolViolation for what is none */
export function decodeSpeedRequest(bytes: Uint8Array): SpeedRequest {
  const body = new BodyReader(bytes, 'speed');
  const direction = DIRECTIONS[body.u8()];
  if (direction === undefined) throw new ProtocolViolation('speed: unknown direction');
  return { direction, bytes: body.u64() };
}

/** How many bytes the concentrator has taken so far, as it says it to who sends. */
export function encodeSpeedReport(bytes: number): Uint8Array {
  return new BodyWriter().u64(bytes).finish();
}

/** The last whole report in what has come; 0 before the first. @throws ProtocolViolation above 2^53 - 1 */
export function lastSpeedReport(bytes: Uint8Array): number {
  const whole = Math.floor(bytes.length / SPEED_REPORT_BYTES);
  return whole === 0 ? 0 : readU64(bytes, (whole - 1) * SPEED_REPORT_BYTES);
}
