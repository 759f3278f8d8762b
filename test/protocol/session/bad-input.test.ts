import { describe, expect, it } from 'vitest';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { MAX_CONTROL_PER_STREAM } from '../../../shared/protocol/control/control-queue.ts';
import { ERROR_CODE, type ErrorName } from '../../../shared/protocol/errors.ts';
import { FIRST_UPLOAD_WINDOW_BYTES } from '../../../shared/protocol/session/session.ts';
import {
  MAX_LEDGER_ENTRIES,
  MAX_UNANSWERED_RECEIPTS,
} from '../../../shared/protocol/session/subflow-watch.ts';
import { CountingChunk, hex, patternBytes } from '../support.ts';
import { dataFrame, MAX_STREAMS, openFrame, SessionBed } from './session-bed.ts';

const FOUR = patternBytes(0, 4);
const NOTHING = new Uint8Array(0);
const opened = encodeControl({ type: 'opened', streamId: 0, limit: 1_000, ok: true, code: 0 });
const receipt = (subflowId: number, bytes: number) =>
  encodeControl({ type: 'receipt', entries: [{ subflowId, delayMicroseconds: 0, bytes }] });

/** What a peer may do wrong, at the end that sees it. Stream 0 is open. */
const VIOLATIONS: readonly [string, 'client' | 'concentrator', ErrorName, readonly Uint8Array[]][] = [
  ['OPENED from a client', 'concentrator', 'malformedMessage', [opened]],
  ['OPEN from a concentrator', 'client', 'malformedMessage', [encodeControl(openFrame(1))]],
  [
    'ADDRESS_ADD from a client',
    'concentrator',
    'malformedMessage',
    [encodeControl({ type: 'addressAdd', addressId: 1, address: hex('7f000001'), port: 1, joinHere: true })],
  ],
  [
    'ADDRESS_REMOVE from a client',
    'concentrator',
    'malformedMessage',
    [encodeControl({ type: 'addressRemove', addressId: 1 })],
  ],
  ['HELLO behind the handshake', 'concentrator', 'unsupportedMessage', [hex('01 00 0000 00000000')]],
  ['WELCOME behind the handshake', 'client', 'unsupportedMessage', [hex('02 00 0000 00000000')]],
  ['an unknown critical frame', 'client', 'unsupportedMessage', [hex('7f 00 0000 00000004')]],
  ['a body that is too long', 'concentrator', 'malformedMessage', [hex('14 00 0000 00000801')]],
  ['DATA past the window', 'concentrator', 'flowControlViolation', [dataFrame(0, 2 ** 40, FOUR)]],
  [
    'DATA past the first window, before OPEN',
    'concentrator',
    'flowControlViolation',
    [dataFrame(1, FIRST_UPLOAD_WINDOW_BYTES - 3, FOUR)],
  ],
  ['DATA past FIN', 'concentrator', 'malformedMessage', [dataFrame(0, 8, FOUR, true), dataFrame(0, 9, FOUR)]],
  [
    'FIN below DATA',
    'concentrator',
    'malformedMessage',
    [dataFrame(0, 8, FOUR), dataFrame(0, 7, FOUR, true)],
  ],
  [
    'two FINs that differ',
    'client',
    'malformedMessage',
    [dataFrame(0, 8, FOUR, true), dataFrame(0, 11, NOTHING, true)],
  ],
  ['RECEIPT for more than was sent', 'client', 'malformedMessage', [receipt(0, 1_000_000)]],
  ['RECEIPT of another subflow for more than it sent', 'concentrator', 'malformedMessage', [receipt(1, 999)]],
  ['a stream id far ahead', 'concentrator', 'resourceExceeded', [dataFrame(2 * MAX_STREAMS + 1, 0, FOUR)]],
  [
    'a RESET far ahead',
    'concentrator',
    'resourceExceeded',
    [encodeControl({ type: 'reset', streamId: 2 ** 53 - 1, code: 0x60 })],
  ],
];

function bedWithStream(role: 'client' | 'concentrator'): SessionBed {
  const bed = new SessionBed(role, [0, 1]);
  if (role === 'concentrator') bed.openStream(0);
  else {
    bed.at(0).streams.open({ host: 'origin.example', port: 80 }, { mode: 'aggregate' });
    bed.receive(opened);
    bed.sent();
    bed.events();
  }
  // The second subflow has taken part in this, too; what it wrote is off the table.
  bed.sent(1);
  return bed;
}

describe.each(VIOLATIONS)('%s at a %s', (_, role, code, frames) => {
  it(`closes the session with ${code}, and no other`, () => {
    const bed = bedWithStream(role);
    const other = bedWithStream(role);
    const before = bed.sent(1).length;
    expect(before).toBe(0);
    bed.receive(frames);
    expect(bed.session.isClosed).toBe(true);
    const events = bed.events();
    expect(events.at(-1)).toMatchObject({ type: 'session-closed', error: code, by: 'us' });
    expect(events).toContainEqual({ type: 'stream-failed', streamId: 0, error: code });
    // CLOSE leaves on every subflow, once.
    const close = { type: 'close', code: ERROR_CODE[code] };
    expect([bed.sentControl(0), bed.sentControl(1)]).toEqual([[close], [close]]);
    expect(bed.sentControl(0)).toEqual([]);
    // All memory has come back; nothing is due any more.
    expect([bed.budget.usedBytes, bed.session.streams.count]).toEqual([0, 0]);
    expect(bed.session.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    expect(other.session.isClosed).toBe(false);
    expect(other.events()).toEqual([]);
  });
});

describe('after a violation', () => {
  it('whatever else arrives is ignored, in the same read or later', () => {
    const bed = bedWithStream('concentrator');
    bed.receive([encodeControl({ type: 'ping' }), opened, dataFrame(0, 0, FOUR), receipt(0, 2 ** 50)]);
    bed.receive([encodeControl(openFrame(2)), dataFrame(2, 0, FOUR)]);
    bed.receive(hex('7f 00 0000 00000004'), 1);
    expect(bed.eventTypes()).toEqual(['stream-failed', 'session-closed']);
    expect(bed.session.streams.count).toBe(0);
  });

  it('what the applications still do is without effect, and gives their memory back', () => {
    const bed = bedWithStream('concentrator');
    bed.receive(opened);
    const chunk = new CountingChunk(FOUR);
    bed.session.streams.write(0, chunk);
    bed.session.streams.end(0);
    bed.at(1).streams.consumed(0, 4);
    bed.session.streams.reset(0, 'cancelled');
    bed.session.streams.accept(0);
    bed.session.goAway('goingAway');
    bed.at(1).close('goingAway');
    bed.at(1).flush();
    expect(chunk.releases).toBe(1);
    expect(bed.eventTypes()).toEqual(['stream-failed', 'session-closed']);
  });

  it('gives back what applications had under way', () => {
    const bed = bedWithStream('concentrator');
    const chunks = [new CountingChunk(patternBytes(0, 9_000)), new CountingChunk(patternBytes(9_000, 90))];
    for (const chunk of chunks) bed.session.streams.write(0, chunk);
    bed.sent();
    bed.receive(opened);
    expect(chunks.map(({ releases }) => releases)).toEqual([1, 1]);
  });
});

it('a client that opens and opens, and reads no answer, ends its session', () => {
  const bed = new SessionBed('concentrator');
  bed.session.subflows.setWritable(0, false);
  const most = MAX_STREAMS * MAX_CONTROL_PER_STREAM;
  for (let id = 0; id <= most; id++) {
    bed.at(0).flush();
    expect(bed.session.isClosed).toBe(false);
    bed.control(openFrame(id));
    bed.session.streams.refuse(id, 'notAuthorized');
  }
  bed.at(0).flush();
  expect(bed.events().at(-1)).toMatchObject({ type: 'session-closed', error: 'resourceExceeded' });
});

it('a client that opens and opens, and reads the answers, does not', () => {
  const bed = new SessionBed('concentrator');
  for (let id = 0; id <= 2 * MAX_STREAMS * MAX_CONTROL_PER_STREAM; id++) {
    bed.control(openFrame(id));
    bed.session.streams.refuse(id, 'notAuthorized');
    bed.sent();
    bed.receive(receipt(0, bed.session.snapshot().subflows[0]!.sentBytes));
  }
  expect(bed.session.isClosed).toBe(false);
});

/** What a kernel says while the far kernel acknowledges all it is sent. */
const ACKNOWLEDGING = {
  rttMs: 20,
  rttVarMs: 1,
  minRttMs: 20,
  mssBytes: 1_400,
  cwndBytes: 14_000,
  notSentBytes: 0,
  unackedBytes: 1,
  bytesAcked: 0,
  deliveredPackets: 0,
  deliveryRateBytesPerSecond: 1e6,
  lastAckReceivedMs: 1,
  backoff: 0,
  totalRetransmittedPackets: 0,
  sentPackets: 0,
};

it.each([
  { what: 'receipts nothing', receiptedBytes: 0, isClosed: true },
  { what: 'receipts byte after byte', receiptedBytes: 1, isClosed: true },
  { what: 'receipts all', receiptedBytes: 1_000, isClosed: false },
])(
  'a subflow whose peer asks and asks and $what, while its kernel acknowledges: closed is $isClosed',
  ({ receiptedBytes, isClosed }) => {
    const bed = new SessionBed('concentrator');
    const { session } = bed;
    let receipted = 0;
    for (let i = 0; i < 3 * MAX_UNANSWERED_RECEIPTS && session.subflows.count > 0; i++) {
      bed.nowMs += 5;
      bed.control({ type: 'ping' });
      receipted = Math.min(receipted + receiptedBytes, session.snapshot().subflows[0]!.sentBytes);
      bed.receive(receipt(0, receipted));
      bed.at(bed.nowMs).subflows.measured(0, ACKNOWLEDGING);
      bed.sent();
      bed.events();
    }
    expect(session.subflows.count).toBe(isClosed ? 0 : 1);
  },
);

it('a subflow that keeps what came on another as well is closed when it has kept too much', () => {
  const bed = new SessionBed('concentrator', [0, 1]);
  const { session } = bed;
  let kept = 0;
  for (let id = 0; kept <= MAX_LEDGER_ENTRIES && session.subflows.count === 2; bed.nowMs += 2) {
    for (let i = 0; i < 64; i++, id++) {
      bed.control(openFrame(id));
      session.streams.refuse(id, 'notAuthorized');
    }
    kept += bed.sent(1).length;
    bed.sent(0);
    const [first, second] = session.snapshot().subflows;
    bed.receive([receipt(0, first!.sentBytes), receipt(1, Math.min(bed.nowMs, second?.sentBytes ?? 0))]);
    bed.events();
  }
  bed.sent();
  expect(kept).toBeGreaterThan(MAX_LEDGER_ENTRIES / 2);
  expect(session.snapshot().subflows.map(({ id }) => id)).toEqual([0]);
  expect(session.isClosed).toBe(false);
});

it('a peer with an endless window that leaves out one byte does not make the session keep all behind it', () => {
  const memoryBytes = 16 * 1024 * 1024;
  const bed = new SessionBed('concentrator', [0, 1], { memoryBytes });
  const { session } = bed;
  bed.openStream(0, Number.MAX_SAFE_INTEGER);
  const bytes = new Uint8Array(64 * 1024);
  const twice = (2 * memoryBytes) / bytes.length;
  const kept = { chunks: 0, most: 0 };
  let isRead = true;
  let slowBytes = 0;
  for (let written = 0; written < twice && bed.nowMs < 60_000; bed.nowMs += 5) {
    for (let i = 0; i < 16 && isRead; i++, written++) {
      kept.most = Math.max(kept.most, ++kept.chunks);
      isRead = session.streams.write(0, { bytes, headroomBytes: 0, release: () => kept.chunks-- });
    }
    bed.at(bed.nowMs).flush();
    for (const id of [0, 1]) {
      session.subflows.takeOutput(id);
      session.subflows.setWritable(id, true);
    }
    // The first subflow lives, byte by byte, and so nothing is sent again elsewhere.
    const [slow, fast] = session.snapshot().subflows;
    slowBytes = Math.min(slowBytes + 1, slow!.sentBytes);
    bed.receive([receipt(0, slowBytes), receipt(1, fast!.sentBytes)], 1);
    bed.at(bed.nowMs).flush();
    if (bed.eventTypes().includes('stream-writable')) isRead = true;
  }
  expect(session.snapshot().subflows.map(({ state }) => state)).toEqual(['active', 'active']);
  expect(kept.most * bytes.length).toBeLessThanOrEqual(memoryBytes + 2 * bytes.length);
});
