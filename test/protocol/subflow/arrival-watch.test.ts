import { expect, it } from 'vitest';
import { ArrivalWatch } from '../../../shared/protocol/subflow/arrival-watch.ts';
import { PAUSE_TUNING } from '../../../shared/protocol/subflow/pause-detector.ts';

const { arrivalSilenceMs } = PAUSE_TUNING;

/** A watch, and payload that arrives at these times. */
function bed(...arrivalsMs: number[]) {
  const now = { ms: 0 };
  const watch = new ArrivalWatch(now, PAUSE_TUNING);
  for (const atMs of arrivalsMs) {
    now.ms = atMs;
    watch.onArrival();
  }
  return { now, watch };
}

const STREAM = [0, 10, 20, 30, 40];

it('asks once when a stream of payload stops, and again only after another', () => {
  const { now, watch } = bed(...STREAM);
  expect(watch.dueMs).toBe(40 + arrivalSilenceMs);
  now.ms = 200;
  watch.onQuestion(true);
  expect(watch.dueMs).toBe(Number.POSITIVE_INFINITY);
  for (const atMs of [1_000, 1_010, 1_020, 1_030]) {
    now.ms = atMs;
    watch.onArrival();
  }
  expect(watch.dueMs).toBe(1_030 + arrivalSilenceMs);
});

it('does not take for a question what was sent right behind the last payload', () => {
  const { now, watch } = bed(...STREAM);
  now.ms = 45;
  watch.onQuestion(true);
  expect(watch.dueMs).toBe(40 + arrivalSilenceMs);
});

it.each([[], [0], [0, 5], [0, 500, 1_000]].map((arrivalsMs) => ({ arrivalsMs })))(
  'asks nothing where there was no stream: $arrivalsMs',
  ({ arrivalsMs }) => {
    expect(bed(...arrivalsMs).watch.dueMs).toBe(Number.POSITIVE_INFINITY);
  },
);
