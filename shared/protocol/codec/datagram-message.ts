import { readU16, readU32, writeU16, writeU32 } from './bytes.ts';
import { NAME_FORMAT } from './wire.ts';

/** The messages of the datagram plane (SPEC.md section 13), by the low four bits of their first byte. */
export const MESSAGE_KIND = { path: 1, feedback: 2, datagram: 3 } as const;

export const FLAG_ANNOUNCED = 0x10;
export const FLAG_PART = 0x20;
export const FLAG_SPREAD = 0x40;
/** Of PATH and FEEDBACK: it has a token. */
const FLAG_TOKEN = 0x10;
/** What a path is confirmed by: nobody guesses it, only who hears the path can repeat it (as RFC 9000 section 8.2). */
export const TOKEN_BYTES = 8;

/** Of a DATAGRAM without announcement and part. */
export const DATAGRAM_HEAD_BYTES = 8;
export const PART_BYTES = 2;
/** Of an announcement in front of its host. */
const ANNOUNCEMENT_BYTES = 9;
/** Parts that a datagram may be cut into: the longest datagram passes where packets have 300 bytes for one. */
export const MAX_PARTS = 255;
export const MIN_PARTS = 2;

/** Sequences are modulo this. */
export const SEQUENCES = 2 ** 24;

/** Gaps, each with a run behind it, that FEEDBACK has at most. */
export const MAX_FEEDBACK_GAPS = 31;
const FEEDBACK_HEAD_BYTES = 21;
const FEEDBACK_GAP_BYTES = 4;
const DELAY_UNIT_MS = 0.032;
const MAX_U16 = 0xffff;
const TWO_32 = 2 ** 32;

/** The shortest PATH of the concentrator, so that FEEDBACK about it is not longer; */
const MIN_PATH_BYTES = 64;
/** and of the client, so that FEEDBACK and a PATH that answer it are not longer together. */
export const MIN_CLIENT_PATH_BYTES = 160;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What kind of message it is; 0 for an empty one. */
export function kindOf(message: Uint8Array): number {
  return message.length === 0 ? 0 : message[0]! & 0x0f;
}

// --- PATH ---

export interface PathMessage {
  /** Empty from the concentrator. */
  readonly uplinkName: string;
  /** TOKEN_BYTES that the peer is to repeat on the path. */
  readonly token?: Uint8Array | undefined;
}

/** PATH, filled with zeros. @param bytes the length of the message */
export function encodePath({ uplinkName, token }: PathMessage, bytes: number): Uint8Array {
  const name = encoder.encode(uplinkName);
  const least = name.length === 0 ? MIN_PATH_BYTES : MIN_CLIENT_PATH_BYTES;
  const tokenAt = 2 + name.length;
  const message = new Uint8Array(Math.max(bytes, tokenAt + (token?.length ?? 0), least));
  message[0] = MESSAGE_KIND.path | (token === undefined ? 0 : FLAG_TOKEN);
  message[1] = name.length;
  message.set(name, 2);
  if (token !== undefined) message.set(token, tokenAt);
  return message;
}

/** Undefined for no right message. */
export function decodePath(message: Uint8Array): PathMessage | undefined {
  if (message.length < 2) return undefined;
  const tokenAt = 2 + message[1]!;
  if (message.length < tokenAt) return undefined;
  const uplinkName = decodeText(message.subarray(2, tokenAt));
  if (uplinkName === undefined || (uplinkName !== '' && !NAME_FORMAT.test(uplinkName))) return undefined;
  if (!hasToken(message)) return { uplinkName };
  const token = tokenIn(message, tokenAt);
  return token && { uplinkName, token };
}

function hasToken(message: Uint8Array): boolean {
  return (message[0]! & FLAG_TOKEN) !== 0;
}

function tokenIn(message: Uint8Array, at: number): Uint8Array | undefined {
  return message.length < at + TOKEN_BYTES ? undefined : message.slice(at, at + TOKEN_BYTES);
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

// --- FEEDBACK ---

/** What has arrived on a path. */
export interface FeedbackMessage {
  readonly path: number;
  /** For how long `largest` has been there; undefined where that is longer than the field can say. */
  readonly delayMs: number | undefined;
  readonly largest: number;
  /** How many have arrived since the path began. */
  readonly packets: number;
  /** So many below `largest` have arrived, too. */
  readonly firstRun: number;
  /** Going down from there. */
  readonly gaps: readonly FeedbackGap[];
  /** That of the last PATH on the path, if it had one. */
  readonly token?: Uint8Array | undefined;
}

/** So many counters that have not arrived, and below them so many that have. */
export interface FeedbackGap {
  readonly gap: number;
  readonly run: number;
}

export function encodeFeedback(feedback: FeedbackMessage): Uint8Array {
  const { path, delayMs, largest, packets, firstRun, gaps, token } = feedback;
  const tokenAt = FEEDBACK_HEAD_BYTES + gaps.length * FEEDBACK_GAP_BYTES;
  const message = new Uint8Array(tokenAt + (token?.length ?? 0));
  message[0] = MESSAGE_KIND.feedback | (token === undefined ? 0 : FLAG_TOKEN);
  message[1] = path;
  const delay = delayMs === undefined ? MAX_U16 : Math.round(delayMs / DELAY_UNIT_MS);
  writeU16(message, 2, Math.min(MAX_U16, delay));
  writeU56(message, 4, largest);
  writeU56(message, 11, packets);
  writeU16(message, 18, firstRun);
  message[20] = gaps.length;
  let offset = FEEDBACK_HEAD_BYTES;
  for (const { gap, run } of gaps) {
    writeU16(message, offset, gap);
    writeU16(message, offset + 2, run);
    offset += FEEDBACK_GAP_BYTES;
  }
  if (token !== undefined) message.set(token, tokenAt);
  return message;
}

/** Undefined for no right message. */
export function decodeFeedback(message: Uint8Array): FeedbackMessage | undefined {
  if (message.length < FEEDBACK_HEAD_BYTES) return undefined;
  const count = message[20]!;
  if (count > MAX_FEEDBACK_GAPS) return undefined;
  const tokenAt = FEEDBACK_HEAD_BYTES + count * FEEDBACK_GAP_BYTES;
  if (message.length < tokenAt) return undefined;
  const [largest, packets] = [readU56(message, 4), readU56(message, 11)];
  if (!Number.isSafeInteger(largest) || !Number.isSafeInteger(packets)) return undefined;
  const token = hasToken(message) ? tokenIn(message, tokenAt) : undefined;
  if (hasToken(message) && token === undefined) return undefined;
  const delay = readU16(message, 2);
  const gaps: FeedbackGap[] = [];
  for (let i = 0; i < count; i++) {
    const offset = FEEDBACK_HEAD_BYTES + i * FEEDBACK_GAP_BYTES;
    gaps.push({ gap: readU16(message, offset), run: readU16(message, offset + 2) });
  }
  return {
    path: message[1]!,
    delayMs: delay === MAX_U16 ? undefined : delay * DELAY_UNIT_MS,
    largest,
    packets,
    firstRun: readU16(message, 18),
    gaps,
    ...(token === undefined ? {} : { token }),
  };
}

function writeU56(target: Uint8Array, offset: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  target[offset] = high >>> 16;
  writeU16(target, offset + 1, high & MAX_U16);
  writeU32(target, offset + 3, value % TWO_32);
}

function readU56(source: Uint8Array, offset: number): number {
  const high = (source[offset]! << 16) | readU16(source, offset + 1);
  return high * TWO_32 + readU32(source, offset + 3);
}

// --- DATAGRAM ---

/** What a flow is, as FLOW says it, too. */
export interface FlowAnnouncement {
  readonly associationId: number;
  readonly mode: number;
  readonly host: string;
  readonly port: number;
}

/** An announcement as it stands in a DATAGRAM: made once for a flow. */
export function encodeAnnouncement({ associationId, mode, host, port }: FlowAnnouncement): Uint8Array {
  const name = encoder.encode(host);
  const bytes = new Uint8Array(ANNOUNCEMENT_BYTES + name.length);
  writeU32(bytes, 0, associationId);
  bytes[4] = mode;
  writeU16(bytes, 6, port);
  bytes[8] = name.length;
  bytes.set(name, ANNOUNCEMENT_BYTES);
  return bytes;
}

/** A part of a datagram. */
export interface Part {
  readonly index: number;
  readonly count: number;
}

/** What stands before the payload of a DATAGRAM, with `spaceBytes` in front of it for the header of a frame. */
export function encodeDatagramHead(
  flowId: number,
  sequence: number,
  isSpread: boolean,
  announcement?: Uint8Array,
  part?: Part,
  spaceBytes = 0,
): Uint8Array {
  const announced = announcement?.length ?? 0;
  const partBytes = part === undefined ? 0 : PART_BYTES;
  const head = new Uint8Array(spaceBytes + DATAGRAM_HEAD_BYTES + announced + partBytes);
  let flags = isSpread ? FLAG_SPREAD : 0;
  if (announcement !== undefined) {
    flags |= FLAG_ANNOUNCED;
    head.set(announcement, spaceBytes + DATAGRAM_HEAD_BYTES);
  }
  if (part !== undefined) {
    flags |= FLAG_PART;
    head[head.length - 2] = part.index;
    head[head.length - 1] = part.count;
  }
  writeU32(head, spaceBytes, ((MESSAGE_KIND.datagram | flags) << 24) | sequence);
  writeU32(head, spaceBytes + 4, flowId);
  return head;
}

/** Reads DATAGRAM messages into itself: one object for all of them, since there are hundreds of thousands a second. */
export class DatagramReader {
  flowId = 0;
  sequence = 0;
  isSpread = false;
  announcement: FlowAnnouncement | undefined;
  partIndex = 0;
  /** 1 for a whole datagram. */
  partCount = 1;
  payload: Uint8Array = NOTHING;

  /** @returns whether it is a right message; the fields are of no meaning if not */
  read(message: Uint8Array): boolean {
    if (message.length < DATAGRAM_HEAD_BYTES) return false;
    const flags = message[0]!;
    this.sequence = readU32(message, 0) & (SEQUENCES - 1);
    this.flowId = readU32(message, 4);
    this.isSpread = (flags & FLAG_SPREAD) !== 0;
    let offset = DATAGRAM_HEAD_BYTES;
    this.announcement = undefined;
    if ((flags & FLAG_ANNOUNCED) !== 0) {
      this.announcement = readAnnouncement(message, offset);
      if (this.announcement === undefined) return false;
      offset += ANNOUNCEMENT_BYTES + message[offset + 8]!;
    }
    this.partIndex = 0;
    this.partCount = 1;
    if ((flags & FLAG_PART) !== 0) {
      if (message.length < offset + PART_BYTES) return false;
      this.partIndex = message[offset]!;
      this.partCount = message[offset + 1]!;
      if (this.partCount < MIN_PARTS) return false;
      if (this.partIndex >= this.partCount) return false;
      offset += PART_BYTES;
    }
    this.payload = message.subarray(offset);
    return true;
  }
}

const NOTHING = new Uint8Array(0);

function readAnnouncement(message: Uint8Array, offset: number): FlowAnnouncement | undefined {
  const hostAt = offset + ANNOUNCEMENT_BYTES;
  if (message.length < hostAt) return undefined;
  const length = message[hostAt - 1]!;
  const port = readU16(message, offset + 6);
  if (length === 0 || port === 0 || message.length < hostAt + length) return undefined;
  const host = decodeText(message.subarray(hostAt, hostAt + length));
  if (host === undefined) return undefined;
  return { associationId: readU32(message, offset), mode: message[offset + 4]!, host, port };
}
