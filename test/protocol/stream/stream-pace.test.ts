import { describe, expect, it } from 'vitest';
import { PACE_TUNING, StreamPace } from '../../../shared/protocol/stream/stream-pace.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

/** Something to send every `everyMs`, which takes `busyMs` each time. @returns the time at the end */
function run(pace: StreamPace, fromMs: number, forMs: number, everyMs: number, busyMs: number): number {
  let nowMs = fromMs;
  for (; nowMs < fromMs + forMs; nowMs += everyMs) {
    at(nowMs, pace).onFilled();
    at(nowMs + busyMs, pace).onDrained();
  }
  return nowMs;
}

describe('a stream is paced by its application', () => {
  it('after two seconds in which all it had was soon gone', () => {
    const pace = new StreamPace(now, PACE_TUNING);
    run(pace, 0, 1_500, 100, 30);
    expect(at(1_500, pace).isPaced()).toBe(false);
    const endMs = run(pace, 1_500, 1_000, 100, 30);
    expect(at(endMs, pace).isPaced()).toBe(true);
  });

  it('also when it says little, and seldom', () => {
    const pace = new StreamPace(now, PACE_TUNING);
    const endMs = run(pace, 0, 30_000, 5_000, 1);
    expect(at(endMs, pace).isPaced()).toBe(true);
  });

  it('not when something waits most of the time', () => {
    const pace = new StreamPace(now, PACE_TUNING);
    const endMs = run(pace, 0, 20_000, 100, 60);
    expect(at(endMs, pace).isPaced()).toBe(false);
  });

  it('not while it has never drained', () => {
    const pace = new StreamPace(now, PACE_TUNING);
    at(0, pace).onFilled();
    expect([at(60_000, pace).isPaced(), at(60_000, pace).waitingMs]).toEqual([false, 60_000]);
  });

  it('no longer once something has waited for a tenth of a second, and then not for ten seconds, then twenty', () => {
    const pace = new StreamPace(now, PACE_TUNING);
    let nowMs = run(pace, 0, 3_000, 100, 10);
    for (const holdMs of [10_000, 20_000]) {
      at(nowMs, pace).onFilled();
      expect(at(nowMs + 100, pace).isPaced()).toBe(true);
      expect(at(nowMs + 101, pace).isPaced()).toBe(false);
      at(nowMs + 101, pace).onDrained();
      expect(at(nowMs + 102, pace).isPaced()).toBe(false);
      nowMs = run(pace, nowMs + 200, holdMs - 300, 100, 10);
      expect(at(nowMs, pace).isPaced()).toBe(false);
      nowMs = run(pace, nowMs, 3_500, 100, 10);
      expect(at(nowMs, pace).isPaced()).toBe(true);
    }
  });
});

it('what waits counts from when it came, however often more comes', () => {
  const pace = new StreamPace(now, PACE_TUNING);
  expect(at(400, pace).waitingMs).toBe(0);
  at(500, pace).onFilled();
  at(550, pace).onFilled();
  expect(at(600, pace).waitingMs).toBe(100);
  at(600, pace).onDrained();
  expect(at(700, pace).waitingMs).toBe(0);
});
