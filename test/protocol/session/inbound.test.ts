import { describe, expect, it } from 'vitest';
import { FIRST_INBOUND_STREAM } from '../../../shared/protocol/codec/wire.ts';
import { ERROR_CODE } from '../../../shared/protocol/errors.ts';
import { MAX_EMBRYOS } from '../../../shared/protocol/session/embryos.ts';
import { FIRST_UPLOAD_WINDOW_BYTES } from '../../../shared/protocol/session/session.ts';
import { CountingChunk, patternBytes, thrownBy, toHex } from '../support.ts';
import { dataFrame, inboundFrame, MAX_STREAMS, openFrame, SessionBed, VISIT } from './session-bed.ts';

const FOUR = patternBytes(0, 4);
const FIRST = FIRST_INBOUND_STREAM;
const steering = (streamId: number) => ({
  type: 'steering' as const,
  streamId,
  generation: 1,
  mode: 1,
  maxRttMs: 0,
  maxLossMillionths: undefined,
  uplinks: [],
});

describe('an inbound stream at the concentrator', () => {
  it('is told with INBOUND, and the first bytes follow at once, up to the first window', () => {
    const bed = new SessionBed('concentrator');
    const id = bed.at(0).streams.openInbound(VISIT);
    bed.session.streams.write(id, new CountingChunk(patternBytes(0, FIRST_UPLOAD_WINDOW_BYTES + 1)));
    const [inbound, ...data] = bed.sent();
    expect(inbound).toMatchObject({ frame: { type: 'inbound', streamId: FIRST, ...VISIT } });
    const sentBytes = data.reduce((sum, one) => sum + (one.kind === 'data' ? one.payload.length / 2 : 0), 0);
    expect(sentBytes).toBeLessThanOrEqual(FIRST_UPLOAD_WINDOW_BYTES);
    expect(sentBytes).toBeGreaterThan(0);
  });

  it('is open with OPENED, or with DATA that overtakes it, and refused without', () => {
    const bed = new SessionBed('concentrator');
    for (let i = 0; i < 3; i++) expect(bed.at(0).streams.openInbound(VISIT)).toBe(FIRST + i);
    bed.control({ type: 'opened', streamId: FIRST, limit: 9, ok: true, code: 0 });
    bed.receive(dataFrame(FIRST + 1, 0, FOUR));
    bed.control({ type: 'opened', streamId: FIRST + 2, limit: 0, ok: false, code: 0x80 });
    expect(bed.events()).toMatchObject([
      { type: 'stream-opened', streamId: FIRST },
      { type: 'stream-opened', streamId: FIRST + 1 },
      { type: 'stream-data', streamId: FIRST + 1 },
      { type: 'stream-failed', streamId: FIRST + 2, error: 'connectionRefused', isRefused: true },
    ]);
    expect(bed.session.streams.count).toBe(2);
  });

  it('ignores frames for those that it does not have', () => {
    const bed = new SessionBed('concentrator');
    const id = bed.at(0).streams.openInbound(VISIT);
    bed.session.streams.reset(id, 'connectionReset');
    bed.sent();
    for (const streamId of [id, id + 1, id + 99, 2 ** 53 - 1]) {
      bed.receive([dataFrame(streamId, 0, FOUR), dataFrame(streamId, 2 ** 40, FOUR, true)]);
      bed.control({ type: 'opened', streamId, limit: 9, ok: true, code: 0 });
      bed.control({ type: 'window', streamId, ack: 4, limit: 99 });
      bed.control({ type: 'reset', streamId, code: 0x89 });
      bed.control(steering(streamId));
    }
    expect([bed.events(), bed.session.isClosed, bed.session.streams.count]).toEqual([[], false, 0]);
    expect(bed.budget.usedBytes).toBe(0);
  });

  it('follows the steering of the client', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    const id = bed.at(0).streams.openInbound(VISIT);
    bed.control(steering(id));
    bed.control({ type: 'opened', streamId: id, limit: 9, ok: true, code: 0 });
    expect([bed.eventTypes(), bed.session.isClosed]).toEqual([['stream-opened'], false]);
  });

  it('has a bound of its own: neither kind takes the room of the other', () => {
    const bed = new SessionBed('concentrator');
    for (let id = 0; id < MAX_STREAMS; id++) bed.openStream(id);
    for (let i = 0; i < MAX_STREAMS; i++) bed.at(0).streams.openInbound(VISIT);
    expect(thrownBy(() => bed.session.streams.openInbound(VISIT))).toMatchObject({
      code: 'resourceExceeded',
    });
    const client = new SessionBed('client');
    for (let i = 0; i < MAX_STREAMS; i++) client.control(inboundFrame(i));
    expect(client.session.streams.cannotOpen).toBeUndefined();
  });

  it('is not opened once this end goes away', () => {
    const bed = new SessionBed('concentrator');
    bed.session.goAway('goingAway');
    expect(thrownBy(() => bed.at(0).streams.openInbound(VISIT))).toMatchObject({ code: 'goingAway' });
  });
});

describe('an inbound stream at the client', () => {
  it('is asked for once, with what is known of the visitor, however often INBOUND comes', () => {
    const bed = new SessionBed('client', [0, 1]);
    for (const subflow of [0, 1]) bed.control(inboundFrame(0), subflow);
    expect(bed.events()).toEqual([{ type: 'stream-inbound', streamId: FIRST, visit: VISIT }]);
    bed.session.streams.accept(FIRST);
    expect(bed.sentControl()).toMatchObject([{ type: 'opened', streamId: FIRST, ok: true }]);
    bed.control(inboundFrame(0), 1);
    expect(bed.events()).toEqual([]);
  });

  it('keeps DATA that overtakes INBOUND, and hands it on in order', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.receive(dataFrame(FIRST, 4, patternBytes(4, 4), true), 1);
    expect(bed.events()).toEqual([]);
    bed.control(inboundFrame(0));
    bed.receive(dataFrame(FIRST, 0, FOUR));
    const events = bed.events();
    expect(events.map(({ type }) => type)).toEqual([
      'stream-inbound',
      'stream-data',
      'stream-data',
      'stream-ended',
    ]);
    const bytes = events.flatMap((event) => (event.type === 'stream-data' ? [event.chunk.bytes] : []));
    expect(toHex(Buffer.concat(bytes))).toBe(toHex(patternBytes(0, 8)));
  });

  it('without INBOUND is one of few, and ends after a while', () => {
    const bed = new SessionBed('client', [0], { maxStreams: 2 * MAX_EMBRYOS });
    for (let i = 0; i < MAX_EMBRYOS + 5; i++) bed.receive(dataFrame(FIRST + i, 0, FOUR));
    expect(bed.session.streams.count).toBe(MAX_EMBRYOS);
    const resets = bed.sentControl().filter(({ type }) => type === 'reset');
    expect(resets).toHaveLength(5);
    for (bed.nowMs = 0; bed.nowMs < 40_000; bed.nowMs += 500) {
      bed.sent();
      const bytes = bed.session.snapshot().subflows[0]!.sentBytes;
      bed.control({ type: 'receipt', entries: [{ subflowId: 0, delayMicroseconds: 0, bytes }] });
    }
    expect([bed.session.streams.count, bed.events()]).toEqual([0, []]);
  });

  it('beyond the bound, and without memory, is refused', () => {
    const many = new SessionBed('client');
    for (let i = 0; i < 2 * MAX_STREAMS; i++) many.control(inboundFrame(i));
    const { resourceExceeded: code } = ERROR_CODE;
    const refused = many.sentControl().filter((frame) => frame.type === 'opened' && frame.code === code);
    expect(refused.length).toBeGreaterThan(0);
    expect(many.session.streams.count).toBeLessThan(2 * MAX_STREAMS);
    const poor = new SessionBed('client', [0], { memoryBytes: 1_000 });
    poor.control(inboundFrame(0));
    expect(poor.events()).toEqual([]);
    expect(poor.sentControl()).toMatchObject([{ type: 'opened', ok: false, code }]);
  });

  it('that was reset before INBOUND came is not asked for', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.control({ type: 'reset', streamId: FIRST, code: 0x89 }, 1);
    bed.control(inboundFrame(0));
    expect([bed.events(), bed.session.streams.count]).toEqual([[], 0]);
  });

  it('is taken after GOAWAY of the concentrator: INBOUND may have been under way', () => {
    const bed = new SessionBed('client');
    bed.control({ type: 'goaway', code: 0x84 });
    bed.control(inboundFrame(0));
    expect(bed.eventTypes()).toEqual(['going-away', 'stream-inbound']);
  });

  it('is steered by the client in both directions', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.control(inboundFrame(0));
    bed.at(0).streams.steer(FIRST, { mode: 'lowest-latency' });
    bed.session.streams.accept(FIRST);
    expect(bed.sentControl()).toMatchObject([
      { type: 'steering', streamId: FIRST, generation: 1, mode: 1 },
      { type: 'opened', streamId: FIRST, ok: true },
    ]);
  });
});

it("keep-alives of a visitor are not told: the frame is the client's alone", () => {
  const bed = new SessionBed('concentrator');
  bed.control(openFrame(0));
  const id = bed.at(0).streams.openInbound(VISIT);
  bed.sent();
  bed.session.streams.keepAlive(id, 30);
  bed.session.streams.keepAlive(0, 30);
  expect(bed.sentControl().filter(({ type }) => type === 'keepAlive')).toEqual([]);
});
