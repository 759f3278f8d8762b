import { afterEach, describe, expect, it, vi } from 'vitest';
import { Redundancy } from '../../../shared/protocol/scheduler/redundancy.ts';
import { MAX_CONTROL_PER_TURN } from '../../../shared/protocol/session/transmitter.ts';
import { MAX_VAIN_LOOKS, Turn } from '../../../shared/protocol/session/turn.ts';
import { MAX_SEARCH_STEPS, UnderWay } from '../../../shared/protocol/session/under-way.ts';
import { MAX_POLICIES } from '../../../shared/protocol/steering/session-steering.ts';
import type { SteeringPolicy } from '../../../shared/protocol/steering/steering-policy.ts';
import { SendStream } from '../../../shared/protocol/stream/send-stream.ts';
import { MAX_STEPS } from '../../../shared/protocol/stream/stream-queue.ts';
import { Subflow } from '../../../shared/protocol/subflow/subflow.ts';
import { ManySubflows, SUBFLOWS, uplinkName } from './many-subflows.ts';
import { openFrame } from './session-bed.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** How often a stream, a subflow or a frame under way was looked at. */
function stepsOf(work: () => void): number {
  const counters = [
    vi.spyOn(Subflow.prototype, 'canTake', 'get'),
    vi.spyOn(SendStream.prototype, 'next'),
    vi.spyOn(SendStream.prototype, 'firstUndelivered'),
    vi.spyOn(SendStream.prototype, 'isTail', 'get'),
    vi.spyOn(UnderWay.prototype, 'find'),
    vi.spyOn(Redundancy.prototype, 'onCarriers'),
    vi.spyOn(Turn.prototype, 'has'),
  ];
  work();
  const steps = counters.reduce((sum, counter) => sum + counter.mock.calls.length, 0);
  vi.restoreAllMocks();
  return steps;
}

const onU0 = { only: [uplinkName(0)] };

interface Attack {
  readonly what: string;
  readonly policyOf: (id: number) => SteeringPolicy;
  /** Before anything is written. */
  readonly prepare?: (bed: ManySubflows) => void;
  /** What the peer says in front of each turn. */
  readonly provoke: (bed: ManySubflows, turn: number) => void;
}

const ping = (bed: ManySubflows) => bed.hear([{ type: 'ping' }]);
const fillU0 = ({ session }: ManySubflows) => session.subflows.setWritable(0, false);

const attacks: readonly Attack[] = [
  {
    what: 'redundant streams with a byte under way that is never receipted',
    policyOf: () => ({ mode: 'redundant' }),
    provoke: ping,
  },
  {
    what: 'redundant streams, and subflows that come into doubt in turn',
    policyOf: () => ({ mode: 'redundant' }),
    provoke: (bed, turn) => bed.hear([{ type: 'subflowState', subflowId: 1 + turn, state: 'doubted' }]),
  },
  {
    what: 'streams bound to a full subflow, with as many policies as there may be',
    policyOf: (id) => ({
      mode: 'weighted',
      weights: { [uplinkName(0)]: 1, x: 1 + (id % MAX_POLICIES) },
      ...onU0,
    }),
    prepare: fillU0,
    provoke: ping,
  },
  {
    what: 'streams that wait for a better subflow, with as many policies as there may be',
    policyOf: (id) => ({ mode: 'lowest-latency', maxRttMs: 1_000 + (id % MAX_POLICIES) }),
    prepare: fillU0,
    provoke: ping,
  },
  {
    what: 'streams that no subflow may carry, and subflows that come into doubt in turn',
    policyOf: () => ({ mode: 'aggregate', only: ['none'] }),
    provoke: (bed, turn) => bed.hear([{ type: 'subflowState', subflowId: 1 + turn, state: 'doubted' }]),
  },
  {
    what: 'ends of streams that are never receipted',
    policyOf: () => ({ mode: 'aggregate' }),
    provoke: (bed) => {
      bed.nowMs += 10;
      ping(bed);
    },
  },
];

const STREAMS = 2_048;

/** The most steps of one turn, of those that the peer provokes. */
function worstTurn({ policyOf, prepare, provoke }: Attack): number {
  const bed = new ManySubflows(STREAMS);
  bed.turn();
  prepare?.(bed);
  bed.openStreams(STREAMS, policyOf);
  bed.settle();
  let worst = 0;
  for (let turn = 0; turn < 8; turn++) {
    provoke(bed, turn);
    worst = Math.max(
      worst,
      stepsOf(() => bed.turn()),
    );
  }
  expect(bed.session.isClosed).toBe(false);
  return worst;
}

/** All that a turn may look at: streams passed by, looks in vain at all subflows, and one search for copies. */
const MOST_STEPS = 2 * MAX_STEPS + 2 * SUBFLOWS * MAX_VAIN_LOOKS + 2 * MAX_SEARCH_STEPS;

describe('the work of a turn does not grow with streams and subflows that a peer chooses', () => {
  it.each(attacks)('$what', (attack) => {
    const steps = worstTurn(attack);
    console.log(
      `steps of a turn with ${STREAMS} streams and ${SUBFLOWS} subflows: ${steps} (${attack.what})`,
    );
    expect(steps).toBeLessThan(MOST_STEPS);
  });
});

it('sends a long queue of control frames in several turns, which it asks for', () => {
  const bed = new ManySubflows(8 * MAX_CONTROL_PER_TURN);
  for (let id = 0; id < SUBFLOWS; id++) bed.session.subflows.setWritable(id, false);
  // The peer asks, and reads no answer yet.
  for (let id = 0; id < 4 * MAX_CONTROL_PER_TURN; id++) {
    bed.hear([openFrame(id)]);
    bed.session.streams.refuse(id, 'notAuthorized');
  }
  for (let id = 0; id < SUBFLOWS; id++) bed.session.subflows.setWritable(id, true);
  const sent: number[] = [];
  const append = vi.spyOn(Subflow.prototype, 'append');
  do {
    append.mockClear();
    bed.turn();
    sent.push(append.mock.calls.filter(([, item]) => item.kind === 'control').length);
  } while (bed.goOn() && sent.length < 100);
  // Each goes on two subflows.
  expect(sent).toEqual(Array(4).fill(2 * MAX_CONTROL_PER_TURN));
});

it('serves all streams that a bounded turn leaves out, in the turns that it asks for', () => {
  const bed = new ManySubflows(2_048);
  bed.turn();
  fillU0(bed);
  // Those that wait come first, more than one turn passes by; those behind them can be sent.
  const waiting = 1_900;
  bed.openStreams(2_000, (id) => (id < waiting ? { mode: 'aggregate', ...onU0 } : { mode: 'round-robin' }));
  let turns = 0;
  do {
    bed.turn();
    turns++;
  } while (bed.goOn() && turns < 100);
  expect(turns).toBeLessThan(10);
  expect(bed.session.snapshot().statistics.sentBytes).toBe(2_000 - waiting);
});
