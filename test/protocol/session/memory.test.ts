import { describe, expect, it } from 'vitest';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { ERROR_CODE } from '../../../shared/protocol/errors.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { PIECE_BYTES, STREAM_BYTES } from '../../../shared/protocol/memory/footprint.ts';
import { FULL_SHARE } from '../../../shared/protocol/memory-budget.ts';
import { MAX_EMBRYO_BYTES, MAX_EMBRYOS } from '../../../shared/protocol/session/embryos.ts';
import { FLOOR_WINDOW_BYTES } from '../../../shared/protocol/stream/receive-window.ts';
import { patternBytes } from '../support.ts';
import { dataFrame, MAX_STREAMS, openFrame, SessionBed } from './session-bed.ts';

const MIB = 1024 * 1024;
const ONE = patternBytes(0, 1);
const ORIGIN = { host: 'origin.example', port: 80 };
const tooMuch = ERROR_CODE.resourceExceeded;

/** A bed whose session may have many streams. */
function roomyBed(role: 'client' | 'concentrator', memoryBytes = 64 * MIB): SessionBed {
  return new SessionBed(role, [0], { memoryBytes, maxStreams: 4_096 });
}

function resets(bed: SessionBed): number[] {
  return bed.sentControl().flatMap((frame) => (frame.type === 'reset' ? [frame.streamId] : []));
}

describe('streams without OPEN', () => {
  it('are few: a further one is reset, and opens no more', () => {
    const bed = roomyBed('concentrator');
    for (let id = 0; id <= MAX_EMBRYOS; id++) bed.receive(dataFrame(id, 0, ONE));
    expect(bed.session.streams.count).toBe(MAX_EMBRYOS);
    expect(resets(bed)).toEqual([MAX_EMBRYOS]);
    bed.control(openFrame(MAX_EMBRYOS));
    expect(bed.eventTypes()).toEqual([]);
    bed.control(openFrame(0));
    expect(bed.eventTypes()).toEqual(['stream-requested', 'stream-data']);
    bed.receive(dataFrame(MAX_EMBRYOS + 1, 0, ONE));
    expect(resets(bed)).toEqual([]);
  });

  it('promise nothing, and take what they keep', () => {
    const bed = roomyBed('concentrator');
    for (let id = 0; id < MAX_EMBRYOS; id++) {
      bed.control({
        type: 'steering',
        streamId: id,
        generation: 1,
        mode: 5,
        maxRttMs: 0,
        maxLossMillionths: undefined,
        uplinks: [],
      });
    }
    expect(bed.budget.usedBytes).toBe(MAX_EMBRYOS * STREAM_BYTES);
  });

  it('keep a bounded number of bytes together', () => {
    const bed = roomyBed('concentrator');
    const full = MAX_EMBRYO_BYTES / FLOOR_WINDOW_BYTES;
    for (let id = 0; id <= full; id++) bed.receive(dataFrame(id, 0, patternBytes(0, FLOOR_WINDOW_BYTES)));
    expect(resets(bed)).toEqual([full]);
    expect(bed.budget.usedBytes).toBeLessThan(MAX_EMBRYO_BYTES + full * 2 * STREAM_BYTES);
    // An honest one has its first window.
    bed.control(openFrame(0));
    expect(bed.data().reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(FLOOR_WINDOW_BYTES);
  });

  it('end after half a minute, in which OPEN could have come', () => {
    const bed = roomyBed('concentrator');
    bed.receive(dataFrame(0, 0, ONE));
    const second = () => {
      bed.nowMs += 1_000;
      const told = resets(bed);
      receiptAll(bed);
      return told;
    };
    for (let i = 0; i < 10; i++) expect(second()).toEqual([]);
    // Without any subflow nothing can come.
    bed.at(bed.nowMs).subflows.remove(0);
    for (let i = 0; i < 50; i++) {
      bed.nowMs += 1_000;
      bed.at(bed.nowMs).flush();
    }
    bed.addSubflow(0);
    for (let i = 0; i < 15; i++) expect(second()).toEqual([]);
    const later = Array.from({ length: 10 }, second).flat();
    expect([later, bed.session.streams.count, bed.budget.usedBytes]).toEqual([[0], 0, 0]);
    expect(bed.session.isClosed).toBe(false);
  });
});

describe('OPEN', () => {
  it('beyond max streams and a few more is refused, and the session goes on', () => {
    const bed = new SessionBed('concentrator');
    const most = MAX_STREAMS * 1.5;
    for (let id = 0; id <= most; id++) bed.control(openFrame(id));
    const refused = bed.sentControl().filter(({ type }) => type === 'opened');
    expect(refused).toEqual([{ type: 'opened', streamId: most, limit: 0, ok: false, code: tooMuch }]);
    expect([bed.session.isClosed, bed.session.streams.count]).toEqual([false, most]);
  });

  it('is refused when there is no memory, and counted', () => {
    const bed = roomyBed('concentrator', MIB);
    bed.openStream(0);
    bed.budget.take(MIB - 2 * STREAM_BYTES - FLOOR_WINDOW_BYTES);
    bed.control(openFrame(1));
    expect(bed.sentControl()).toMatchObject([{ type: 'opened', streamId: 1, ok: false, code: tooMuch }]);
    expect(bed.budget.refusals).toBe(1);
    const client = roomyBed('client', MIB);
    client.budget.take(MIB);
    expect(client.session.streams.cannotOpen).toBe('resourceExceeded');
  });
});

describe('idle streams', () => {
  it.each(['client', 'concentrator'] as const)('never fill the memory of a session at a %s', (role) => {
    const bed = roomyBed(role, MIB);
    const { streams } = bed.session;
    const most = MIB / 2 / STREAM_BYTES;
    for (let id = 0; id < most + 10; id++) {
      if (role === 'concentrator') bed.control(openFrame(id));
      else if (streams.cannotOpen === undefined) bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    }
    // A concentrator has made the stream when it asks whether there is room for one.
    expect(streams.count).toBe(role === 'client' ? most : most - 1);
    expect([bed.budget.isTight, bed.budget.isFull]).toEqual([false, false]);
    bed.at(0).streams.reset(0, 'cancelled');
    expect(bed.budget.hasRoomToLast(STREAM_BYTES)).toBe(true);
  });
});

describe('single bytes with holes between them', () => {
  it.each(['client', 'concentrator'] as const)('end their stream at a %s, and no other', (role) => {
    const bed = roomyBed(role, MIB);
    for (const id of [0, 1]) {
      if (role === 'concentrator') bed.openStream(id);
      else bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    }
    if (role === 'client') bed.receive([0, 1].map((id) => opened(id)));
    bed.sent();
    bed.events();
    let pieces = 0;
    while (bed.session.streams.count === 2) bed.receive(dataFrame(0, 2 * ++pieces, ONE));
    expect(pieces * PIECE_BYTES).toBeLessThan(MIB);
    expect(bed.events()).toEqual([{ type: 'stream-failed', streamId: 0, error: 'resourceExceeded' }]);
    expect(resets(bed)).toEqual([0]);
    bed.receive(dataFrame(1, 0, ONE));
    expect(bed.eventTypes()).toEqual(['stream-data']);
    expect([bed.session.isClosed, bed.budget.refusals]).toEqual([false, 1]);
  });
});

describe('what waits to be sent', () => {
  it('of a thousand applications whose far ends do not read leaves room for one whose does', () => {
    const memoryBytes = 32 * MIB;
    const bed = roomyBed('concentrator', memoryBytes);
    const { session } = bed;
    const slow = 1_000;
    for (let id = 0; id <= slow; id++) bed.openStream(id, id === slow ? Number.MAX_SAFE_INTEGER : 0);
    const read = new Set(Array.from({ length: slow + 1 }, (_, id) => id));
    let fastBytes = 0;
    for (let turn = 0; turn < 200; turn++) {
      for (const id of [...read]) {
        if (id === slow) fastBytes += 16_384;
        if (!session.streams.write(id, new OwnBytes(new Uint8Array(8 * 1024)))) read.delete(id);
      }
      bed.nowMs += 5;
      receiptAll(bed);
      for (const event of bed.events()) {
        if (event.type === 'stream-writable') read.add(event.streamId);
        if (event.type === 'stream-blocked') read.delete(event.streamId);
      }
    }
    expect(bed.budget.usedBytes).toBeLessThan(memoryBytes);
    // It was read in most turns.
    expect(fastBytes).toBeGreaterThan(100 * 16_384);
  });

  it('leaves room for what the peer sends within its windows, and for new streams', () => {
    const memoryBytes = 4 * MIB;
    const bed = roomyBed('concentrator', memoryBytes);
    const { streams } = bed.session;
    bed.openStream(0);
    bed.budget.take(memoryBytes * FULL_SHARE - bed.budget.usedBytes);
    expect(streams.write(0, new OwnBytes(new Uint8Array(10)))).toBe(false);
    bed.events();
    const uploads = 7;
    for (let id = 1; id <= uploads; id++) {
      bed.openStream(id);
      bed.receive(dataFrame(id, 0, patternBytes(0, FLOOR_WINDOW_BYTES)));
      expect(bed.data()).toHaveLength(1);
    }
    expect([resets(bed), bed.budget.refusals, streams.count]).toEqual([[], 0, 1 + uploads]);
  });

  it('lets no more applications go on than there is room for', () => {
    const bed = roomyBed('concentrator', 4 * MIB);
    const { streams } = bed.session;
    const ids = Array.from({ length: 20 }, (_, id) => id);
    for (const id of ids) bed.openStream(id, 0);
    const takenBytes = 4 * MIB * FULL_SHARE - bed.budget.usedBytes;
    bed.budget.take(takenBytes);
    streams.write(0, new OwnBytes(new Uint8Array(10)));
    bed.sent();
    expect(bed.eventTypes()).toEqual(ids.map(() => 'stream-blocked'));
    bed.budget.give(150 * 1024);
    bed.sent();
    expect(bed.eventTypes()).toEqual(Array(3).fill('stream-writable'));
    bed.budget.give(takenBytes - 150 * 1024);
    bed.sent();
    expect(bed.eventTypes()).toHaveLength(ids.length - 3);
  });

  it('stops all applications when memory is full, also those that have said nothing, and lets them go on later', () => {
    const bed = roomyBed('concentrator', MIB);
    const { session } = bed;
    for (const id of [0, 1, 2]) bed.openStream(id, 0);
    bed.budget.take(MIB);
    expect(session.streams.write(0, new OwnBytes(new Uint8Array(10)))).toBe(false);
    const blocked = bed.events().map((event) => [event.type, 'streamId' in event && event.streamId]);
    expect(blocked).toEqual([
      ['stream-blocked', 0],
      ['stream-blocked', 1],
      ['stream-blocked', 2],
    ]);
    bed.sent();
    expect(bed.events()).toEqual([]);
    bed.budget.give(MIB);
    bed.sent();
    expect(bed.eventTypes()).toEqual(['stream-writable', 'stream-writable', 'stream-writable']);
  });
});

it('a peer that confirms nothing of what it asks for ends the session before that takes much memory', () => {
  const bed = roomyBed('concentrator', 16 * MIB);
  let asked = 0;
  while (!bed.session.isClosed && asked < 100_000) {
    bed.control(openFrame(asked));
    bed.session.streams.refuse(asked++, 'connectionRefused');
    if (asked % 64 === 0) bed.sent();
    bed.events();
  }
  expect(bed.session.isClosed).toBe(true);
  expect(asked * PIECE_BYTES).toBeLessThan(16 * MIB);
  expect(bed.budget.usedBytes).toBe(0);
});

function opened(streamId: number): Uint8Array {
  return encodeControl({ type: 'opened', streamId, limit: MIB, ok: true, code: 0 });
}

/** Flushes, and confirms all that was written. */
function receiptAll(bed: SessionBed): void {
  bed.sent();
  const [subflow] = bed.session.snapshot().subflows;
  const entry = { subflowId: 0, delayMicroseconds: 0, bytes: subflow!.sentBytes };
  bed.control({ type: 'receipt', entries: [entry] });
  bed.sent();
}
