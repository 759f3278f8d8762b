import fc from 'fast-check';
import type { ControlFrame } from '../../shared/protocol/codec/frame.ts';
import { FrameParser, type FrameSink } from '../../shared/protocol/codec/frame-parser.ts';
import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import type { OutgoingChunk } from '../../shared/protocol/memory/chunk.ts';

/** Bytes from hexadecimal text; blanks are for the reader. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/\s+/g, ''), 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** `length` bytes of a pattern that says at which DSN each belongs. */
export function patternBytes(dsn: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => patternByte(dsn + i));
}

export function patternByte(dsn: number): number {
  return (dsn * 31 + (dsn >>> 8) * 17) & 0xff;
}

/** What came out of a parser, pieces of one DATA frame joined, so that cuts do not show. */
export type Parsed =
  | { kind: 'data'; streamId: number; dsn: number; payload: string; fin: boolean }
  | { kind: 'control'; frame: ControlFrame };

/** Records frames as a parser hands them on, and says how pieces of DATA were joined. */
export class RecordingSink implements FrameSink {
  readonly parsed: Parsed[] = [];
  pieces = 0;

  onData(streamId: number, dsn: number, payload: Uint8Array, fin: boolean): void {
    this.pieces++;
    const last = this.parsed.at(-1);
    const continues =
      last?.kind === 'data' &&
      !last.fin &&
      last.streamId === streamId &&
      last.dsn + last.payload.length / 2 === dsn;
    if (continues) {
      last.payload += toHex(payload);
      last.fin = fin;
    } else {
      this.parsed.push({ kind: 'data', streamId, dsn, payload: toHex(payload), fin });
    }
  }

  onControl(frame: ControlFrame): void {
    this.parsed.push({ kind: 'control', frame });
  }
}

/** Parses all of `bytes`, cut at the given places. */
export function parseAll(bytes: Uint8Array, cuts: readonly number[] = []): Parsed[] {
  const sink = new RecordingSink();
  const parser = new FrameParser();
  for (const piece of cut(bytes, cuts)) parser.push(piece, sink);
  return sink.parsed;
}

/** `bytes` in pieces, cut at places that need be neither sorted nor different. */
export function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.slice(places[i], end));
}

/** Places to cut anything of up to `length` bytes. */
export const cutPlaces = (length: number) => fc.array(fc.nat(length), { maxLength: 20 });

/** The code and the class of what `run` throws; undefined when it does not. */
export function thrownBy(run: () => unknown): { code: ErrorName; name: string } | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof TributaryError) return { code: error.code, name: error.name };
    throw error;
  }
  return undefined;
}

export const malformed = { code: 'malformedMessage', name: 'ProtocolViolation' } as const;

/** A chunk that counts its releases. */
export class CountingChunk implements OutgoingChunk {
  readonly bytes: Uint8Array;
  readonly headroomBytes: number;
  releases = 0;

  constructor(bytes: Uint8Array, headroomBytes = 0) {
    const memory = new Uint8Array(headroomBytes + bytes.length);
    memory.set(bytes, headroomBytes);
    this.bytes = memory.subarray(headroomBytes);
    this.headroomBytes = headroomBytes;
  }

  release(): void {
    this.releases++;
  }
}
