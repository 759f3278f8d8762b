import { expect, it } from 'vitest';
import {
  type UplinkSpan,
  WANTED_SUBFLOWS_TUNING,
  WantedSubflows,
} from '../../../shared/protocol/uplink/wanted-subflows.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

const LOSSY = { sentPackets: 1_000, retransmittedPackets: 10 };

/** Spans of a second, one after the other. @returns the wish after each */
function after(wanted: WantedSubflows, fromMs: number, spans: readonly Partial<UplinkSpan>[]): number[] {
  return spans.map((span, index) => {
    const { count } = wanted;
    at(fromMs + index * 1_000, wanted).review({
      durationMs: 1_000,
      subflows: count,
      isBusy: true,
      hasQueue: false,
      deliveredBytes: 100_000 * count,
      ...LOSSY,
      ...span,
    });
    return wanted.count;
  });
}

const seconds = (count: number, span: Partial<UplinkSpan> = {}) => Array.from({ length: count }, () => span);

it('doubles up to eight while each doubling brings rate', () => {
  expect(after(new WantedSubflows(now, WANTED_SUBFLOWS_TUNING), 0, seconds(14))).toEqual([
    1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8,
  ]);
});

it('takes back what brought nothing, and tries it again more and more seldom', () => {
  const found = after(
    new WantedSubflows(now, WANTED_SUBFLOWS_TUNING),
    0,
    seconds(300, { deliveredBytes: 100_000 }),
  );
  expect(found.slice(0, 12)).toEqual([1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 1]);
  const tries = found.flatMap((count, second) => (count > (found[second - 1] ?? 1) ? [second] : []));
  const waits = tries.slice(1).map((second, index) => second - tries[index]!);
  expect(waits.slice(0, 4)).toEqual([13, 18, 28, 48]);
  expect(Math.max(...waits)).toBeLessThanOrEqual(68);
});

it('does not take the rush of its first second for the rate to beat', () => {
  const wanted = new WantedSubflows(now, WANTED_SUBFLOWS_TUNING);
  after(wanted, 0, [{ deliveredBytes: 1_000_000 }, {}]);
  expect(after(wanted, 2_000, seconds(6))).toEqual([1, 2, 2, 2, 2, 4]);
});

it.each([
  { why: 'less than 0.2 % is lost', span: { retransmittedPackets: 1 } },
  { why: 'a queue stands', span: { hasQueue: true } },
  { why: 'it is not busy', span: { isBusy: false } },
])('stays at one while $why', ({ span }) => {
  expect(new Set(after(new WantedSubflows(now, WANTED_SUBFLOWS_TUNING), 0, seconds(100, span)))).toEqual(
    new Set([1]),
  );
});

it.each([
  { why: 'a queue has stood for ten seconds', span: { hasQueue: true } },
  { why: 'next to nothing was lost for ten seconds', span: { retransmittedPackets: 0 } },
])('halves when $why', ({ span }) => {
  const wanted = new WantedSubflows(now, WANTED_SUBFLOWS_TUNING);
  after(wanted, 0, seconds(14));
  const found = after(wanted, 14_000, seconds(15, span));
  expect(found.slice(0, 5)).toEqual([8, 8, 8, 8, 8]);
  expect(found.at(-1)).toBe(4);
});

it('goes back to one when nothing was to be sent for half a minute', () => {
  const wanted = new WantedSubflows(now, WANTED_SUBFLOWS_TUNING);
  after(wanted, 0, seconds(14));
  const found = after(wanted, 14_000, seconds(30, { isBusy: false }));
  expect([found[28], found[29]]).toEqual([8, 1]);
});

it('is content with fewer when the others do not come', () => {
  const wanted = new WantedSubflows(now, WANTED_SUBFLOWS_TUNING);
  after(wanted, 0, seconds(14));
  const found = after(wanted, 14_000, seconds(11, { subflows: 3 }));
  expect([found[8], found.at(-1)]).toEqual([8, 3]);
});
