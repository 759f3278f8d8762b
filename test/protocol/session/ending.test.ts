import { describe, expect, it } from 'vitest';
import { thrownBy } from '../support.ts';
import { LINGER_MS, MAX_STREAMS, openFrame, SessionBed } from './session-bed.ts';

const ORIGIN = { host: 'origin.example', port: 443 };
const goaway = { type: 'goaway', code: 0x84 } as const;

describe('CLOSE', () => {
  it('from the peer ends the session and its streams, without an answer', () => {
    const bed = new SessionBed('client');
    bed.session.openStream(ORIGIN, { mode: 'aggregate' }, 0);
    bed.sent();
    bed.control({ type: 'close', code: 0x86 });
    expect(bed.events()).toMatchObject([
      { type: 'stream-failed', streamId: 0, error: 'idleTimeout' },
      { type: 'session-closed', error: 'idleTimeout', by: 'peer' },
    ]);
    expect([bed.sent(), bed.budget.reservedBytes]).toEqual([[], 0]);
    bed.control({ type: 'close', code: 0x86 });
    expect(bed.events()).toEqual([]);
  });

  it('to the peer leaves on every subflow, behind a write that is under way', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.session.openStream(ORIGIN, { mode: 'aggregate' }, 0);
    bed.session.flush(0);
    // The transport of subflow 0 is busy now.
    expect(bed.session.takeOutput(0).length).toBeGreaterThan(0);
    bed.session.close('goingAway', 1);
    expect(bed.session.takeOutput(0)).toEqual([]);
    expect(bed.sentControl(1).at(-1)).toEqual({ type: 'close', code: 0x84 });
    bed.session.subflowWritable(0);
    expect(bed.session.takeOutput(0)).toHaveLength(1);
    expect(bed.eventTypes()).toEqual(['stream-failed', 'session-closed']);
  });
});

describe('GOAWAY', () => {
  it('from the concentrator: no new streams, open ones go on', () => {
    const bed = new SessionBed('client');
    bed.session.openStream(ORIGIN, { mode: 'aggregate' }, 0);
    bed.control(goaway);
    expect(bed.events()).toEqual([{ type: 'going-away', error: 'goingAway' }]);
    expect(bed.session.cannotOpen).toBe('goingAway');
    expect(thrownBy(() => bed.session.openStream(ORIGIN, { mode: 'aggregate' }, 0))).toEqual({
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
    expect(bed.session.streamCount).toBe(1);
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
    bed.session.openStream(ORIGIN, { mode: 'aggregate' }, 0);
    bed.nowMs = 1_000;
    bed.session.removeSubflow(0, 1_000);
    expect(bed.session.deadlineMs).toBe(1_000 + LINGER_MS);
    bed.session.flush(1_000 + LINGER_MS - 1);
    expect(bed.session.isClosed).toBe(false);
    bed.session.flush(1_000 + LINGER_MS);
    expect(bed.events()).toMatchObject([
      { type: 'stream-failed', error: 'uplinksLost' },
      { type: 'session-closed', error: 'uplinksLost', by: 'us' },
    ]);
  });

  it('goes on where it was when one comes back', () => {
    const bed = new SessionBed('client');
    bed.session.openStream(ORIGIN, { mode: 'aggregate' }, 0);
    expect(bed.sentControl()).toMatchObject([{ type: 'open', streamId: 0 }]);
    bed.session.removeSubflow(0, 10);
    bed.nowMs = LINGER_MS;
    bed.addSubflow(1);
    // What was under way on the dead one is sent again.
    expect(bed.sentControl(1)[0]).toMatchObject({ type: 'open', streamId: 0 });
    bed.session.flush(3 * LINGER_MS);
    expect(bed.session.isClosed).toBe(false);
  });
});

describe('opening', () => {
  it('is refused when maxStreams are open, and possible again when one is gone', () => {
    const bed = new SessionBed('client');
    for (let i = 0; i < MAX_STREAMS; i++) bed.session.openStream(ORIGIN, { mode: 'aggregate' }, 0);
    expect(bed.session.cannotOpen).toBe('resourceExceeded');
    expect(thrownBy(() => bed.session.openStream(ORIGIN, { mode: 'aggregate' }, 0))).toEqual({
      code: 'resourceExceeded',
      name: 'StreamError',
    });
    bed.control({ type: 'opened', streamId: 2, limit: 0, ok: false, code: 0x80 });
    expect(bed.events()).toEqual([{ type: 'stream-failed', streamId: 2, error: 'connectionRefused' }]);
    expect(bed.session.cannotOpen).toBeUndefined();
  });

  it('that the concentrator refuses tells the client why', () => {
    const bed = new SessionBed('concentrator');
    bed.control(openFrame(0));
    bed.session.refuseStream(0, 'nameNotFound');
    expect(bed.sentControl()).toContainEqual({
      type: 'opened',
      streamId: 0,
      limit: 0,
      ok: false,
      code: 0x81,
    });
    expect([bed.session.streamCount, bed.budget.reservedBytes]).toEqual([0, 0]);
  });
});
