import { describe, expect, it } from 'vitest';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { thrownBy } from '../support.ts';
import { dataFrame, LINGER_MS, MAX_STREAMS, openFrame, SessionBed } from './session-bed.ts';

const ORIGIN = { host: 'origin.example', port: 443 };
const goaway = { type: 'goaway', code: 0x84 } as const;

describe('CLOSE', () => {
  it('from the peer ends the session and its streams, without an answer', () => {
    const bed = new SessionBed('client');
    bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    bed.sent();
    bed.control({ type: 'close', code: 0x86 });
    expect(bed.events()).toMatchObject([
      { type: 'stream-failed', streamId: 0, error: 'idleTimeout' },
      { type: 'session-closed', error: 'idleTimeout', by: 'peer' },
    ]);
    expect([bed.sent(), bed.budget.usedBytes]).toEqual([[], 0]);
    bed.control({ type: 'close', code: 0x86 });
    expect(bed.events()).toEqual([]);
  });

  it('to the peer leaves on every subflow, behind a write that is under way', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    bed.at(0).flush();
    // The transport of subflow 0 is busy now.
    expect(bed.session.subflows.takeOutput(0).length).toBeGreaterThan(0);
    bed.at(1).close('goingAway');
    expect(bed.session.subflows.takeOutput(0)).toEqual([]);
    expect(bed.sentControl(1).at(-1)).toEqual({ type: 'close', code: 0x84 });
    bed.session.subflows.setWritable(0, true);
    expect(bed.session.subflows.takeOutput(0)).toHaveLength(1);
    expect(bed.eventTypes()).toEqual(['stream-failed', 'session-closed']);
  });
});

describe('GOAWAY', () => {
  it('from the concentrator: no new streams, open ones go on', () => {
    const bed = new SessionBed('client');
    bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    bed.control(goaway);
    expect(bed.events()).toEqual([{ type: 'going-away', error: 'goingAway' }]);
    expect(bed.session.streams.cannotOpen).toBe('goingAway');
    expect(thrownBy(() => bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' }))).toEqual({
      code: 'goingAway',
      name: 'StreamError',
    });
    bed.control({ type: 'opened', streamId: 0, limit: 9, ok: true, code: 0 });
    expect(bed.eventTypes()).toEqual(['stream-opened']);
  });

  it('to the client: a stream that was on its way is refused', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    bed.session.goAway('goingAway');
    bed.session.goAway('goingAway');
    expect(bed.sentControl()).toEqual([goaway]);
    bed.control(openFrame(1));
    expect(bed.events()).toEqual([]);
    expect(bed.sentControl()).toContainEqual({
      type: 'opened',
      streamId: 1,
      limit: 0,
      ok: false,
      code: 0x84,
    });
    expect(bed.session.streams.count).toBe(1);
  });

  it('from the client: streams that it opened before are still served, and the answer can be GOAWAY, too', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.control(goaway, 0);
    bed.control(openFrame(0), 1);
    expect(bed.eventTypes()).toEqual(['going-away', 'stream-requested']);
    bed.session.goAway('goingAway');
    expect(bed.sentControl()).toContainEqual(goaway);
  });
});

describe('a session without subflows', () => {
  it('waits for as long as it lingers, then ends', () => {
    const bed = new SessionBed('client');
    bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    bed.nowMs = 1_000;
    bed.at(1_000).subflows.remove(0);
    expect(bed.session.deadlineMs).toBe(1_000 + LINGER_MS);
    bed.at(1_000 + LINGER_MS - 1).flush();
    expect(bed.session.isClosed).toBe(false);
    bed.at(1_000 + LINGER_MS).flush();
    expect(bed.events()).toMatchObject([
      { type: 'stream-failed', error: 'uplinksLost' },
      { type: 'session-closed', error: 'uplinksLost', by: 'us' },
    ]);
  });

  it('goes on where it was when one comes back', () => {
    const bed = new SessionBed('client');
    bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    expect(bed.sentControl()).toMatchObject([{ type: 'open', streamId: 0 }]);
    bed.at(10).subflows.remove(0);
    bed.nowMs = LINGER_MS;
    bed.addSubflow(1);
    // What was under way on the dead one is sent again.
    expect(bed.sentControl(1)[0]).toMatchObject({ type: 'open', streamId: 0 });
    bed.at(3 * LINGER_MS).flush();
    expect(bed.session.isClosed).toBe(false);
  });
});

describe('opening', () => {
  it('is refused when maxStreams are open, and possible again when one is gone', () => {
    const bed = new SessionBed('client');
    for (let i = 0; i < MAX_STREAMS; i++) bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    expect(bed.session.streams.cannotOpen).toBe('resourceExceeded');
    expect(thrownBy(() => bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' }))).toEqual({
      code: 'resourceExceeded',
      name: 'StreamError',
    });
    bed.control({ type: 'opened', streamId: 2, limit: 0, ok: false, code: 0x80 });
    expect(bed.events()).toEqual([
      { type: 'stream-failed', streamId: 2, error: 'connectionRefused', isRefused: true },
    ]);
    expect(bed.session.streams.cannotOpen).toBeUndefined();
  });

  it('that the concentrator refuses tells the client why', () => {
    const bed = new SessionBed('concentrator');
    bed.control(openFrame(0));
    bed.session.streams.refuse(0, 'nameNotFound');
    expect(bed.sentControl()).toContainEqual({
      type: 'opened',
      streamId: 0,
      limit: 0,
      ok: false,
      code: 0x81,
    });
    expect([bed.session.streams.count, bed.budget.usedBytes]).toEqual([0, 0]);
  });
});

it('bytes are not delivered before the origin is connected, though all have arrived', () => {
  const bed = new SessionBed('client');
  const { streams } = bed.at(0);
  streams.open(ORIGIN, { mode: 'aggregate' });
  streams.write(0, new OwnBytes(new Uint8Array(100)));
  streams.end(0);
  bed.sent();
  const { sentBytes } = bed.session.snapshot().subflows[0]!;
  bed.control({ type: 'receipt', entries: [{ subflowId: 0, delayMicroseconds: 0, bytes: sentBytes }] });
  expect(streams.undeliveredBytes(0)).toBe(1);
  bed.control({ type: 'opened', streamId: 0, limit: 1_000, ok: true, code: 0 });
  expect(streams.undeliveredBytes(0)).toBe(0);
});

describe('RESET behind the end of the peer', () => {
  const bytes = new Uint8Array(100);
  const reset = { type: 'reset', streamId: 0, code: 0x89 } as const;

  it('leaves what has come to the application, and what it takes counts', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    bed.receive(dataFrame(0, 0, bytes, true));
    bed.control(reset);
    expect(bed.events()).toMatchObject([
      { type: 'stream-data' },
      { type: 'stream-ended' },
      { type: 'stream-failed', error: 'cancelled', hasAll: true },
    ]);
    expect(bed.session.streams.undeliveredBytes(0)).toBe(0);
    expect(bed.budget.usedBytes).toBeGreaterThan(0);
    bed.at(1).streams.consumed(0, bytes.length);
    expect(bed.session.streams.undeliveredBytes(0)).toBeUndefined();
    expect(bed.budget.usedBytes).toBe(0);
  });

  it('leaves it to the application when the session ends, too', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    bed.receive(dataFrame(0, 0, bytes, true));
    bed.control(reset);
    bed.events();
    bed.control({ type: 'close', code: 0x84 });
    expect(bed.eventTypes()).toEqual(['session-closed']);
    expect([bed.session.streams.count, bed.budget.usedBytes]).toEqual([0, 0]);
  });

  it('discards what was to be sent, once', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    bed.at(0).streams.write(0, new OwnBytes(bytes));
    bed.receive(dataFrame(0, 0, bytes, true));
    bed.control(reset);
    expect(bed.session.streams.undeliveredBytes(0)).toBe(0);
    // What the application says meanwhile is of no use any more.
    expect(bed.at(1).streams.write(0, new OwnBytes(bytes))).toBe(true);
    bed.session.streams.end(0);
    bed.session.streams.consumed(0, bytes.length);
    expect([bed.session.streams.count, bed.budget.usedBytes]).toEqual([0, 0]);
  });

  it('is not answered when the application closes instead', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    bed.receive(dataFrame(0, 0, bytes, true));
    bed.control(reset);
    bed.at(1).streams.reset(0, 'cancelled');
    expect(bed.sentControl().filter(({ type }) => type === 'reset')).toEqual([]);
    expect([bed.session.streams.count, bed.budget.usedBytes]).toEqual([0, 0]);
  });

  it.each([
    ['some of it is missing', [dataFrame(0, 50, bytes, true)]],
    ['it has not ended', [dataFrame(0, 0, bytes)]],
  ])('ends the stream at once when %s', (_, frames) => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    bed.receive(frames);
    bed.control(reset);
    expect(bed.events()).toContainEqual({ type: 'stream-failed', streamId: 0, error: 'cancelled' });
    expect(bed.session.streams.undeliveredBytes(0)).toBeUndefined();
    expect(bed.budget.usedBytes).toBe(0);
  });
});

describe('streams that are over for the client', () => {
  /** The client has sent all, and has all; the origin has taken nothing. */
  const settle = (bed: SessionBed, id: number) => {
    bed.openStream(id);
    bed.receive(dataFrame(id, 0, new Uint8Array(100), true));
    bed.at(0).streams.end(id);
    bed.sent();
    const { sentBytes } = bed.session.snapshot().subflows[0]!;
    bed.control({ type: 'receipt', entries: [{ subflowId: 0, delayMicroseconds: 0, bytes: sentBytes }] });
    bed.events();
  };

  it('do not count, and the oldest gives way when there are too many', () => {
    const bed = new SessionBed('concentrator');
    for (let id = 0; id <= MAX_STREAMS; id++) settle(bed, id);
    expect(bed.session.streams.count).toBe(MAX_STREAMS + 1);
    bed.control(openFrame(MAX_STREAMS + 1));
    expect(bed.events()).toMatchObject([
      { type: 'stream-failed', streamId: 0, error: 'resourceExceeded' },
      { type: 'stream-requested', streamId: MAX_STREAMS + 1 },
    ]);
  });
});

describe('KEEP_ALIVE', () => {
  it('tells the concentrator of an open stream, and of no other', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    for (const streamId of [0, 0, 1]) bed.control({ type: 'keepAlive', streamId, seconds: 10 });
    const told = { type: 'stream-keep-alive', streamId: 0, seconds: 10 };
    expect(bed.events()).toEqual([told, told]);
  });

  it('is said by the client, with the most that it can say', () => {
    const bed = new SessionBed('client');
    bed.at(0).streams.open(ORIGIN, { mode: 'aggregate' });
    bed.sent();
    bed.at(0).streams.keepAlive(0, 100_000);
    bed.at(0).streams.keepAlive(0, 0);
    bed.at(0).streams.keepAlive(7, 10);
    expect(bed.sentControl()).toEqual([
      { type: 'keepAlive', streamId: 0, seconds: 0xffff },
      { type: 'keepAlive', streamId: 0, seconds: 1 },
    ]);
  });
});
