import { describe, expect, it } from 'vitest';
import { StreamPace } from '../../../shared/protocol/steering/stream-pace.ts';

/** Something to send every `everyMs`, which takes `busyMs` each time. @returns the time at the end */
function run(pace: StreamPace, fromMs: number, forMs: number, everyMs: number, busyMs: number): number {
  let nowMs = fromMs;
  for (; nowMs < fromMs + forMs; nowMs += everyMs) {
    pace.arrive();
    pace.onWaiting(nowMs);
    pace.onDrained(nowMs + busyMs);
  }
  return nowMs;
}

describe('a stream is paced by its application', () => {
  it('after two seconds in which all it had was soon gone', () => {
    const pace = new StreamPace();
    run(pace, 0, 1_500, 100, 30);
    expect(pace.isPaced(1_500)).toBe(false);
    const endMs = run(pace, 1_500, 1_000, 100, 30);
    expect(pace.isPaced(endMs)).toBe(true);
  });

  it('also when it says little, and seldom', () => {
    const pace = new StreamPace();
    const endMs = run(pace, 0, 30_000, 5_000, 1);
    expect(pace.isPaced(endMs)).toBe(true);
  });

  it('not when something waits most of the time', () => {
    const pace = new StreamPace();
    const endMs = run(pace, 0, 20_000, 100, 60);
    expect(pace.isPaced(endMs)).toBe(false);
  });

  it('not while it has never drained', () => {
    const pace = new StreamPace();
    pace.arrive();
    pace.onWaiting(0);
    expect([pace.isPaced(60_000), pace.waitingMs(60_000)]).toEqual([false, 60_000]);
  });

  it('no longer once something has waited for a tenth of a second, and then not for ten seconds, then twenty', () => {
    const pace = new StreamPace();
    let nowMs = run(pace, 0, 3_000, 100, 10);
    for (const holdMs of [10_000, 20_000]) {
      pace.arrive();
      pace.onWaiting(nowMs);
      expect(pace.isPaced(nowMs + 100)).toBe(true);
      expect(pace.isPaced(nowMs + 101)).toBe(false);
      pace.onDrained(nowMs + 101);
      expect(pace.isPaced(nowMs + 102)).toBe(false);
      nowMs = run(pace, nowMs + 200, holdMs - 300, 100, 10);
      expect(pace.isPaced(nowMs)).toBe(false);
      nowMs = run(pace, nowMs, 3_500, 100, 10);
      expect(pace.isPaced(nowMs)).toBe(true);
    }
  });
});

it('what waits counts from the turn after it came, and is told of once', () => {
  const pace = new StreamPace();
  expect([pace.arrive(), pace.arrive()]).toEqual([true, false]);
  expect(pace.waitingMs(500)).toBe(0);
  pace.onWaiting(500);
  expect([pace.arrive(), pace.waitingMs(600)]).toEqual([false, 100]);
  pace.onDrained(600);
  expect([pace.waitingMs(700), pace.arrive()]).toEqual([0, true]);
});
