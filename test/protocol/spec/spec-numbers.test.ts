import { expect, it } from 'vitest';
import { FREE_BYTES } from '../../../server-concentrator/measurement/measurement-connection.ts';
import {
  MAX_FEEDBACK_GAPS,
  MAX_PARTS,
  MIN_CLIENT_PATH_BYTES,
  MIN_PARTS,
} from '../../../shared/protocol/codec/datagram-message.ts';
import { MAX_RECEIPT_ENTRIES } from '../../../shared/protocol/codec/frame.ts';
import {
  FRAME_HEADER_BYTES,
  MAX_BODY_BYTES,
  MAX_CONTROL_BODY_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_PROBE_BODY_BYTES,
  MAX_STEERED_UPLINKS,
  MILLION,
} from '../../../shared/protocol/codec/wire.ts';
import { MAX_CONTROL_PER_STREAM } from '../../../shared/protocol/control/control-queue.ts';
import { SEQUENCE_WINDOW } from '../../../shared/protocol/datagram/flow/flow.ts';
import { KNOWN_NUMBERS, MAX_REFUSALS } from '../../../shared/protocol/datagram/flow/peer-flows.ts';
import { MAX_PATHS } from '../../../shared/protocol/datagram/plane/path-table.ts';
import { REPLAY_WINDOW } from '../../../shared/protocol/datagram/receive/path-receiver.ts';
import {
  INCOMPLETE_MS,
  MAX_DATAGRAM_BYTES,
  MAX_INCOMPLETE,
} from '../../../shared/protocol/datagram/receive/reassembly.ts';
import { MAX_ANNOUNCED_ADDRESSES } from '../../../shared/protocol/session/announcements.ts';
import { DEFAULT_TUNING } from '../../../shared/protocol/session/core-tuning.ts';
import { MAX_EMBRYO_BYTES, MAX_EMBRYOS } from '../../../shared/protocol/session/embryos.ts';
import {
  MAX_LEDGER_ENTRIES,
  MAX_SESSION_LEDGER_ENTRIES,
  MAX_UNANSWERED_RECEIPTS,
} from '../../../shared/protocol/session/subflow-watch.ts';
import { MAX_POLICIES } from '../../../shared/protocol/steering/session-steering.ts';
import { MAX_REORDER_ENTRIES } from '../../../shared/protocol/stream/reorder-buffer.ts';
import { MAX_FACTS_LENGTH } from '../../../shared/runtime/doctor/measurement-facts.ts';
import { SPEC } from './spec-text.ts';

/** Without line breaks, so that a sentence can be found wherever it is wrapped. */
const TEXT = SPEC.replaceAll(/\s+/g, ' ');
const { receipts, ping, watch, wish, utilization, lowestLatency } = DEFAULT_TUNING;
const { datagramFeedback, datagramOrder, datagramFrames } = DEFAULT_TUNING;

/** Sentences of SPEC.md with their numbers left out, and the numbers of the code. */
const SENTENCES: readonly (readonly [string, ...number[]])[] = [
  [
    'at most # bytes, so that a frame is at most # bytes',
    MAX_BODY_BYTES,
    MAX_BODY_BYTES + FRAME_HEADER_BYTES,
  ],
  ['The body of every other type is at most # bytes', MAX_CONTROL_BODY_BYTES],
  ['but that of PROBE and PROBED up to # bytes', MAX_PROBE_BODY_BYTES],
  ['one handshake frame (# bytes)', MAX_CONTROL_BODY_BYTES + FRAME_HEADER_BYTES],
  ['each of 1 to # entries', MAX_RECEIPT_ENTRIES],
  ['the number of entries, at most #.', MAX_STEERED_UPLINKS],
  ['Another value above # is a violation', MILLION],
  ['more than # separate pieces', MAX_REORDER_ENTRIES],
  ['more than # of them or when they hold more than # bytes', MAX_EMBRYOS, MAX_EMBRYO_BYTES],
  ['0: the default of # ms', lowestLatency.defaultMaxRttMs],
  ['a RECEIPT within # ms', receipts.intervalMs],
  ['idle for a second, so that silence means something, or for # s', ping.meteredIntervalMs / 1000],
  ['PING on its idle subflows only every # s', ping.meteredIntervalMs / 1000],
  ['A client accepts at least # addresses', MAX_ANNOUNCED_ADDRESSES],
  [
    'repeats a wish above 1 every # s; the client forgets a wish after # s',
    wish.repeatMs / 1000,
    wish.lifetimeMs / 1000,
  ],
  ['when the value has changed by # or more', utilization.stepPercent],
  ['repeats a value above 0 every # s', utilization.repeatMs / 1000],
  ['before the first report and # s after the last', utilization.lifetimeMs / 1000],
  ['more than # times `max streams` control frames', MAX_CONTROL_PER_STREAM],
  ['more than # of its RECEIPTs', MAX_UNANSWERED_RECEIPTS],
  ['more than # of its frames in all', MAX_LEDGER_ENTRIES],
  ['more than # frames are not confirmed on all subflows', MAX_SESSION_LEDGER_ENTRIES],
  ['more than # different choices', MAX_POLICIES],
  ['window of at least # counters', 1_024],
  ['That of the client has at least # bytes', MIN_CLIENT_PATH_BYTES],
  ['A client has at most # paths', MAX_PATHS],
  ['and none has left for # ms', datagramFeedback.intervalMs],
  ['after # packets, so that a call', datagramFeedback.packets],
  ['n, 1 byte, at most #', MAX_FEEDBACK_GAPS],
  ['into `count` parts, # to #,', MIN_PARTS, MAX_PARTS],
  ['keeps at most # incomplete datagrams', MAX_INCOMPLETE],
  ["paths' delays differ and at most # ms", datagramOrder.mostMs],
  ['None is longer than # bytes', MAX_DATAGRAM_BYTES],
  ['A sender keeps a message for at most # ms', datagramFrames.mostMs],
  ['numbers that are # or more below the highest', KNOWN_NUMBERS],
  ['It need not answer more than # that', MAX_REFUSALS],
  ['The first # bytes of each do not count', FREE_BYTES],
  ['JSON in UTF-8, of at most # bytes', MAX_FACTS_LENGTH],
];

it.each(SENTENCES)('SPEC.md: "%s"', (sentence, ...numbers) => {
  const pattern = String(sentence)
    .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('#', '(\\d+)');
  const found = new RegExp(pattern).exec(TEXT);
  expect(found?.slice(1).map(Number)).toEqual(numbers);
});

it('what SPEC.md says in words is so', () => {
  expect(ping.intervalMs).toBe(1_000);
  expect(1_000 / watch.doubtPingMs).toBe(5);
  expect(utilization.reviewMs).toBe(1_000);
  expect(INCOMPLETE_MS).toBe(1_000);
  expect(REPLAY_WINDOW).toBeGreaterThanOrEqual(1_024);
  expect(SEQUENCE_WINDOW).toBeGreaterThanOrEqual(256);
  expect(MAX_PAYLOAD_BYTES).toBe(MAX_BODY_BYTES - 16);
});
