import { describe, expect, it } from 'vitest';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { FIRST_INBOUND_STREAM } from '../../../shared/protocol/codec/wire.ts';
import { LentChunk } from '../lent-chunk.ts';
import { CountingChunk, hex, patternBytes, toHex } from '../support.ts';
import { dataFrame, openFrame, SessionBed } from './session-bed.ts';

const FOUR = patternBytes(0, 4);

describe('repeats', () => {
  it('of OPEN ask for the stream once', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.control(openFrame(0), 0);
    bed.control(openFrame(0), 1);
    expect(bed.eventTypes()).toEqual(['stream-requested']);
    bed.session.streams.accept(0);
    bed.control(openFrame(0), 1);
    expect(bed.events()).toEqual([]);
  });

  it('of OPENED open the stream once', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.at(0).streams.open({ host: 'a.example', port: 1 }, { mode: 'aggregate' });
    for (const subflow of [0, 1])
      bed.control({ type: 'opened', streamId: 0, limit: 9, ok: true, code: 0 }, subflow);
    expect(bed.eventTypes()).toEqual(['stream-opened']);
  });

  it('of DATA, FIN and RESET are told once', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.openStream(0);
    for (const subflow of [0, 1]) bed.receive(dataFrame(0, 0, FOUR, true), subflow);
    expect(bed.eventTypes()).toEqual(['stream-data', 'stream-ended']);
    for (const subflow of [0, 1]) bed.control({ type: 'reset', streamId: 0, code: 0x60 }, subflow);
    const told = { type: 'stream-failed', streamId: 0, error: 'connectionReset', hasAll: true };
    expect(bed.events()).toEqual([told]);
  });

  it('of older WINDOWs and RECEIPTs take nothing back', () => {
    const bed = new SessionBed('client');
    bed.at(0).streams.open({ host: 'a.example', port: 1 }, { mode: 'aggregate' });
    bed.control({ type: 'opened', streamId: 0, limit: 6, ok: true, code: 0 });
    bed.control({ type: 'window', streamId: 0, ack: 0, limit: 5 });
    bed.session.streams.write(0, new CountingChunk(patternBytes(0, 8)));
    const written = bed
      .sent()
      .reduce((sum, item) => sum + (item.kind === 'data' ? 24 + item.payload.length / 2 : 0), 0);
    expect(written).toBeGreaterThan(0);
    const inFlight = () => bed.session.snapshot().subflows[0]!.inFlightBytes;
    const entry = (bytes: number) => ({ subflowId: 0, delayMicroseconds: 0, bytes });
    const all = inFlight();
    bed.control({ type: 'receipt', entries: [entry(all)] });
    bed.control({ type: 'receipt', entries: [entry(all - 1), entry(0)] });
    expect([inFlight(), bed.session.isClosed]).toEqual([0, false]);
  });
});

describe('frames for closed streams', () => {
  it('are ignored at the concentrator', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    bed.session.streams.reset(0, 'connectionReset');
    bed.sent();
    bed.receive([dataFrame(0, 0, FOUR), dataFrame(0, 2 ** 50, FOUR, true), encodeControl(openFrame(0))]);
    bed.control({ type: 'window', streamId: 0, ack: 4, limit: 99 });
    bed.control({ type: 'reset', streamId: 0, code: 0x89 });
    expect([bed.events(), bed.session.isClosed, bed.session.streams.count]).toEqual([[], false, 0]);
    expect(bed.budget.usedBytes).toBe(0);
  });

  it('are ignored at the client, and those for streams that it never opened', () => {
    const bed = new SessionBed('client');
    bed.at(0).streams.open({ host: 'a.example', port: 1 }, { mode: 'aggregate' });
    bed.session.streams.reset(0, 'cancelled');
    for (const streamId of [0, 1, FIRST_INBOUND_STREAM - 1]) {
      bed.receive([dataFrame(streamId, 0, FOUR), dataFrame(streamId, 4, FOUR, true)]);
      bed.control({ type: 'opened', streamId, limit: 9, ok: true, code: 0 });
      bed.control({ type: 'window', streamId, ack: 4, limit: 99 });
      bed.control({ type: 'reset', streamId, code: 0x89 });
    }
    expect([bed.events(), bed.session.isClosed, bed.session.streams.count]).toEqual([[], false, 0]);
  });
});

describe('frames that come in another order than they were sent', () => {
  it('DATA before its OPEN is kept, and handed on in order', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.receive(dataFrame(0, 4, patternBytes(4, 4), true), 1);
    expect(bed.events()).toEqual([]);
    bed.control(openFrame(0), 0);
    bed.receive(dataFrame(0, 0, FOUR), 0);
    const events = bed.events();
    expect(events.map(({ type }) => type)).toEqual([
      'stream-requested',
      'stream-data',
      'stream-data',
      'stream-ended',
    ]);
    const bytes = events.flatMap((event) => (event.type === 'stream-data' ? [event.chunk.bytes] : []));
    expect(toHex(Buffer.concat(bytes))).toBe(toHex(patternBytes(0, 8)));
  });

  it('DATA before its OPEN keeps nothing of the memory that it was read into', () => {
    const bed = new SessionBed('concentrator');
    const read = new LentChunk(dataFrame(0, 0, FOUR));
    bed.at(0).receive(0, read);
    expect(read.isBack).toBe(true);
    bed.control(openFrame(0));
    expect(bed.data().map(({ bytes }) => toHex(bytes))).toEqual([toHex(FOUR)]);
  });

  it('DATA keeps the memory that it was read into until it is released, and a repeat keeps none', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    const [read, repeat] = [new LentChunk(dataFrame(0, 0, FOUR)), new LentChunk(dataFrame(0, 0, FOUR))];
    for (const chunk of [read, repeat]) bed.at(0).receive(0, chunk);
    const [data, ...more] = bed.data();
    expect([more, read.isBack, repeat.isBack]).toEqual([[], false, true]);
    expect(toHex(data!.bytes)).toBe(toHex(FOUR));
    data!.release();
    expect(read.isBack).toBe(true);
  });

  it('DATA behind a hole, of a stream that is gone, on a subflow that is gone, or after the end keeps no memory', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    const lent: LentChunk[] = [];
    const receive = (streamId: number, dsn: number, subflowId = 0) => {
      lent.push(new LentChunk(dataFrame(streamId, dsn, FOUR)));
      bed.at(0).receive(subflowId, lent.at(-1)!);
    };
    receive(0, 4);
    bed.session.streams.reset(0, 'cancelled');
    receive(0, 0);
    receive(0, 0, 7);
    bed.session.close('goingAway');
    receive(0, 0);
    expect(lent.map(({ isBack }) => isBack)).toEqual([true, true, true, true]);
  });

  it('a violation releases what it was read with, but not what came before it', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    const read = new LentChunk(Buffer.concat([dataFrame(0, 0, FOUR), hex('7f 00 0000 00000004')]));
    bed.at(0).receive(0, read);
    expect([bed.session.isClosed, read.isBack]).toEqual([true, false]);
    for (const chunk of bed.data()) chunk.release();
    expect(read.isBack).toBe(true);
  });

  it('a whole stream before its OPEN is told behind the request', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.receive(dataFrame(0, 0, FOUR, true), 1);
    expect(bed.events()).toEqual([]);
    bed.control(openFrame(0), 0);
    expect(bed.eventTypes()).toEqual(['stream-requested', 'stream-data', 'stream-ended']);
  });

  it('a RESET before its OPEN closes the stream for good', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.control({ type: 'reset', streamId: 1, code: 0x89 }, 1);
    bed.control(openFrame(1), 0);
    expect(bed.events()).toEqual([]);
    // The one before it is expected, and still can be opened.
    bed.control(openFrame(0), 0);
    expect(bed.eventTypes()).toEqual(['stream-requested']);
  });

  it('streams may be opened in any order', () => {
    const bed = new SessionBed('concentrator');
    for (const id of [2, 0, 1]) bed.control(openFrame(id));
    expect(bed.events().map((event) => event.type === 'stream-requested' && event.streamId)).toEqual([
      2, 0, 1,
    ]);
  });
});

describe('what this version does not know', () => {
  it('ignorable frames, modes, error codes and subflows do no harm', () => {
    const bed = new SessionBed('concentrator');
    bed.receive(hex('ff 00 0000 00000003 010203'));
    bed.receive(encodeControl({ ...openFrame(0), mode: 99 } as ReturnType<typeof openFrame>));
    expect(bed.events()).toMatchObject([{ type: 'stream-requested', mode: 'aggregate' }]);
    bed.control({ type: 'reset', streamId: 0, code: 0xffff });
    expect(bed.events()).toEqual([{ type: 'stream-failed', streamId: 0, error: 'internalError' }]);
    bed.control({ type: 'receipt', entries: [{ subflowId: 77, delayMicroseconds: 0, bytes: 5 }] });
    bed.control({ type: 'subflowState', subflowId: 77, state: 'gone' });
    bed.control({ type: 'priority', subflowId: 77, backup: true, generation: 1 });
    expect([bed.events(), bed.session.isClosed]).toEqual([[], false]);
  });

  it('bytes for a subflow that is gone, and empty reads', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.at(0).subflows.remove(1);
    bed.receive(hex('7f 00 0000 00000004'), 1);
    bed.receive(new Uint8Array(0), 0);
    expect([bed.events(), bed.session.isClosed]).toEqual([[], false]);
  });
});

it('frames on more subflows than one RECEIPT has room for are receipted on all of them', () => {
  const ids = Array.from({ length: 130 }, (_, id) => id);
  const bed = new SessionBed('concentrator', ids);
  const ping = encodeControl({ type: 'ping' });
  for (const id of ids) bed.receive(ping, id);
  bed.nowMs = 5;
  const entries = bed.sentControl(0).flatMap((frame) => (frame.type === 'receipt' ? frame.entries : []));
  expect(entries.map(({ subflowId, bytes }) => [subflowId, bytes])).toEqual(
    ids.map((id) => [id, ping.length]),
  );
});
