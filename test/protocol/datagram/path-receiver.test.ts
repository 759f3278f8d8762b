import { describe, expect, it } from 'vitest';
import {
  FEEDBACK_TUNING,
  PathReceiver,
  REPLAY_WINDOW,
} from '../../../shared/protocol/datagram/receive/path-receiver.ts';
import { TestClock } from '../test-clock.ts';

function receiverOf(counters: readonly number[]): PathReceiver {
  const receiver = new PathReceiver(new TestClock(), FEEDBACK_TUNING);
  for (const counter of counters) receiver.onPacket(counter, 'soon');
  return receiver;
}

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('PathReceiver', () => {
  it.each([
    ['one packet', [1], { largest: 1, packets: 1, firstRun: 0, gaps: [] }],
    ['packets in order', upTo(9), { largest: 9, packets: 9, firstRun: 8, gaps: [] }],
    ['a first that is lost', [2, 3], { largest: 3, packets: 2, firstRun: 1, gaps: [] }],
    ['a gap', [1, 2, 4, 5], { largest: 5, packets: 4, firstRun: 1, gaps: [{ gap: 1, run: 2 }] }],
    ['a gap that is filled', [1, 2, 4, 5, 3], { largest: 5, packets: 5, firstRun: 4, gaps: [] }],
    ['the other way round', [5, 4, 3, 2, 1], { largest: 5, packets: 5, firstRun: 4, gaps: [] }],
    ['repeats', [1, 1, 2, 2, 1], { largest: 2, packets: 2, firstRun: 1, gaps: [] }],
    [
      'two gaps',
      [1, 3, 6, 7],
      {
        largest: 7,
        packets: 4,
        firstRun: 1,
        gaps: [
          { gap: 2, run: 1 },
          { gap: 1, run: 1 },
        ],
      },
    ],
    ['a gap longer than the window', [1, 2, 9_000], { largest: 9_000, packets: 3, firstRun: 0, gaps: [] }],
    [
      'more in order than the window',
      upTo(5_000),
      { largest: 5_000, packets: 5_000, firstRun: 4_999, gaps: [] },
    ],
    ['more than can be said', upTo(70_000), { largest: 70_000, packets: 70_000, firstRun: 65_535, gaps: [] }],
  ])('tells of %s', (_, counters, told) => {
    expect(receiverOf(counters).takeFeedback(3)).toEqual({ path: 3, delayMs: 0, ...told });
  });

  it('tells of no more gaps than fit, the newest ones', () => {
    const odd = upTo(200).filter((counter) => counter % 2 === 1);
    const { gaps } = receiverOf(odd).takeFeedback(0);
    expect(gaps).toEqual(Array.from({ length: 31 }, () => ({ gap: 1, run: 1 })));
  });

  it('takes nothing twice, and nothing below the window', () => {
    const receiver = receiverOf([1, REPLAY_WINDOW + 100]);
    expect(receiver.isNew(REPLAY_WINDOW + 99)).toBe(true);
    expect([receiver.isNew(1), receiver.isNew(2), receiver.isNew(REPLAY_WINDOW + 100)]).toEqual([
      false,
      false,
      false,
    ]);
    expect(receiver.onPacket(2, 'soon')).toBe(false);
    expect(receiver.packets).toBe(2);
  });

  it('is asked at once after a pause, then every 15 ms, or after 16 packets', () => {
    const clock = new TestClock();
    const receiver = new PathReceiver(clock, FEEDBACK_TUNING);
    clock.ms = 100;
    receiver.onPacket(1, 'soon');
    expect(receiver.dueMs).toBe(100);
    receiver.takeFeedback(0);
    expect(receiver.dueMs).toBe(Number.POSITIVE_INFINITY);
    clock.ms = 104;
    receiver.onPacket(2, 'none');
    expect(receiver.dueMs).toBe(Number.POSITIVE_INFINITY);
    receiver.onPacket(3, 'soon');
    expect(receiver.dueMs).toBe(115);
    for (let counter = 4; counter < 18; counter++) receiver.onPacket(counter, 'soon');
    expect(receiver.dueMs).toBe(115);
    receiver.onPacket(18, 'soon');
    expect(receiver.dueMs).toBe(104);
  });

  it('tells of gaps for a second at most', () => {
    const clock = new TestClock();
    const receiver = new PathReceiver(clock, FEEDBACK_TUNING);
    for (const counter of [1, 2, 4]) receiver.onPacket(counter, 'soon');
    expect(receiver.takeFeedback(0).gaps).toEqual([{ gap: 1, run: 2 }]);
    clock.ms = 400;
    receiver.onPacket(5, 'soon');
    expect(receiver.takeFeedback(0).gaps).toHaveLength(1);
    for (const [ms, counter] of [
      [600, 6],
      [1_200, 7],
    ] as const) {
      clock.ms = ms;
      receiver.onPacket(counter, 'soon');
      receiver.takeFeedback(0);
    }
    receiver.onPacket(9, 'soon');
    expect(receiver.takeFeedback(0)).toMatchObject({ firstRun: 0, gaps: [{ gap: 1, run: 4 }] });
  });

  it('is asked at once by a probe, and says how long the largest has been there', () => {
    const clock = new TestClock();
    const receiver = new PathReceiver(clock, FEEDBACK_TUNING);
    receiver.onPacket(5, 'soon');
    receiver.takeFeedback(0);
    clock.ms = 3;
    receiver.onPacket(4, 'now');
    expect(receiver.dueMs).toBe(3);
    expect(receiver.takeFeedback(0).delayMs).toBe(3);
  });
});
