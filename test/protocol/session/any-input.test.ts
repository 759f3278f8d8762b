import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type ControlFrame, encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { FIRST_INBOUND_STREAM } from '../../../shared/protocol/codec/wire.ts';
import { controlFrame } from '../codec/arbitraries.ts';
import { CountingChunk, patternBytes } from '../support.ts';
import {
  dataFrame,
  inboundFrame,
  openFrame,
  publishedFrame,
  publishFrame,
  SessionBed,
  VISIT,
} from './session-bed.ts';

type Role = 'client' | 'concentrator';

/** Of the client's streams, and of inbound ones. */
const streamId = fc.oneof(
  fc.nat(5),
  fc.nat(5).map((number) => FIRST_INBOUND_STREAM + number),
);
/** Streams end here, nearly always: a peer in its right mind says one end. */
const END_DSN = 40;
const dsn = fc.oneof({ weight: 200, arbitrary: fc.nat(END_DSN - 1) }, fc.constantFrom(65_532, 1_048_572));

const data = fc.record({ streamId, dsn, length: fc.integer({ min: 1, max: 20 }) }).map((frame) => {
  const length = frame.dsn < END_DSN ? Math.min(frame.length, END_DSN - frame.dsn) : frame.length;
  const fin = frame.dsn + length === END_DSN;
  return dataFrame(frame.streamId, frame.dsn, patternBytes(frame.dsn, length), fin);
});

const openedFor = (first: number) =>
  fc.record({
    type: fc.constant('opened' as const),
    streamId: fc.nat(5).map((number) => first + number),
    limit: fc.nat(200_000),
    ok: fc.boolean(),
    code: fc.nat(0x90),
  });
const publishing = fc.record({ slot: fc.nat(2), generation: fc.integer({ min: 1, max: 5 }) });

const opening: Record<Role, fc.Arbitrary<ControlFrame>> = {
  concentrator: fc.oneof(
    fc.nat(5).map((id) => openFrame(id, 100)),
    openedFor(FIRST_INBOUND_STREAM),
    publishing.map(({ slot, generation }) => publishFrame(slot, generation, generation === 3)),
  ),
  client: fc.oneof(
    openedFor(0),
    fc.nat(5).map((number) => inboundFrame(number, 100)),
    publishing.map(({ slot, generation }) => publishedFrame(slot, generation, generation)),
  ),
};

const entry = fc.record({ subflowId: fc.nat(2), delayMicroseconds: fc.nat(9_000), bytes: fc.nat(60) });
const control = fc.oneof<fc.Arbitrary<ControlFrame>[]>(
  fc.record({ type: fc.constant('window' as const), streamId, ack: dsn, limit: fc.nat(200_000) }),
  fc.record({ type: fc.constant('reset' as const), streamId, code: fc.nat(0x90) }),
  fc.record({
    type: fc.constant('receipt' as const),
    entries: fc.array(entry, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('subflowState' as const),
    subflowId: fc.nat(2),
    state: fc.constantFrom('active' as const, 'doubted' as const, 'gone' as const),
  }),
);

/** What a peer might send: mostly plausible, with few ids and small numbers, and now and then anything. */
const frameTo = (role: Role): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 60, arbitrary: data },
    { weight: 30, arbitrary: opening[role].map(encodeControl) },
    { weight: 15, arbitrary: control.map(encodeControl) },
    { weight: 1, arbitrary: controlFrame.map(encodeControl) },
  );

const stepAt = (role: Role) =>
  fc.record({
    frame: frameTo(role),
    subflowId: fc.nat(1),
    /** What the application does afterwards to one stream. */
    action: fc.constantFrom('nothing', 'write', 'end', 'reset', 'consume', 'open', 'open', 'answer'),
    streamId,
    afterMs: fc.nat(50),
  });

it.each(['client', 'concentrator'] as const)(
  'any frames leave a %s working or closed in good order, with nothing kept and nothing released twice',
  (role) => {
    fc.assert(
      fc.property(fc.array(stepAt(role), { maxLength: 60 }), (steps) => {
        const bed = new SessionBed(role, [0, 1]);
        const chunks: CountingChunk[] = [];
        const received = new Map<number, number>();
        const consumed = new Map<number, number>();
        const requested = new Set<number>();
        const ended = new Set<number>();
        for (const { frame, subflowId, action, streamId: id, afterMs } of steps) {
          bed.nowMs += afterMs;
          bed.receive(frame, subflowId);
          for (const event of bed.events()) {
            if (event.type === 'stream-requested' || event.type === 'stream-inbound')
              requested.add(event.streamId);
            if (event.type === 'publish-requested')
              bed.session.publications.answer(event, { ok: true, host: '*', port: event.port });
            if (event.type === 'stream-failed') ended.add(event.streamId);
            if (event.type !== 'stream-data') continue;
            const at = received.get(event.streamId) ?? 0;
            expect(event.chunk.bytes).toEqual(patternBytes(at, event.chunk.bytes.length));
            received.set(event.streamId, at + event.chunk.bytes.length);
          }
          if (action === 'open' && bed.session.streams.cannotOpen === undefined) {
            const { streams } = bed.at(bed.nowMs);
            if (role === 'client') streams.open({ host: 'origin.example', port: 1 }, { mode: 'aggregate' });
            else streams.openInbound(VISIT);
          }
          if (action === 'write' && !ended.has(id)) {
            chunks.push(new CountingChunk(patternBytes(0, 30)));
            bed.session.streams.write(id, chunks.at(-1)!);
          }
          if (action === 'end' && !ended.has(id)) {
            bed.session.streams.end(id);
            ended.add(id);
          }
          if (action === 'reset') bed.session.streams.reset(id, 'cancelled');
          if (action === 'consume') {
            const bytes = (received.get(id) ?? 0) - (consumed.get(id) ?? 0);
            bed.at(bed.nowMs).streams.consumed(id, bytes);
            consumed.set(id, received.get(id) ?? 0);
          }
          if (action === 'answer' && requested.delete(id)) bed.session.streams.accept(id);
          for (const subflow of [0, 1]) bed.sent(subflow);
        }
        bed.at(bed.nowMs).close('cancelled');
        expect(bed.session.isClosed).toBe(true);
        expect([
          bed.budget.usedBytes,
          bed.session.streams.count,
          bed.session.snapshot().reorderBytes,
        ]).toEqual([0, 0, 0]);
        expect(chunks.filter(({ releases }) => releases !== 1)).toEqual([]);
        expect(bed.events().filter(({ type }) => type === 'session-closed').length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 400 },
    );
  },
);
