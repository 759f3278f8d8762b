import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Fallback } from '../../../client-proxy/fallback/fallback.ts';
import { FallbackState } from '../../../client-proxy/fallback/fallback-state.ts';

const AWAY = { isReachable: false, isDirectPossible: true };
const THERE = { isReachable: true, isDirectPossible: true };
const NO_NETWORK = { isReachable: false, isDirectPossible: false };

describe('the state of the fallback', () => {
  it.each([
    ['begins after the time, and ends at once', [AWAY, 4_999, AWAY, 5_000, AWAY, 9_000, THERE], '--+/'],
    ['begins anew after a return', [AWAY, 4_000, THERE, 5_000, AWAY, 9_999, AWAY, 10_000, AWAY], '----+'],
    ['does not begin without a network', [NO_NETWORK, 9_000, NO_NETWORK, 9_500, AWAY], '--+'],
    ['goes on without a network', [AWAY, 5_000, AWAY, 6_000, NO_NETWORK, 7_000, THERE], '-+-/'],
  ] as const)('%s', (_, steps, expected) => {
    const state = new FallbackState(5_000);
    let nowMs = 0;
    let seen = '';
    for (const step of steps) {
      if (typeof step === 'number') nowMs = step;
      else seen += { begun: '+', ended: '/', none: '-' }[state.look(step, nowMs) ?? 'none'];
    }
    expect(seen).toBe(expected);
  });

  it('never begins where there is none', () => {
    const state = new FallbackState(Number.POSITIVE_INFINITY);
    expect([state.look(AWAY, 0), state.look(AWAY, 1e9), state.dueMs]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('the fallback', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function bench({ hasFallback = true } = {}) {
    const now = { isReachable: true, isDirectPossible: true };
    const lines: string[] = [];
    const diverted = vi.fn();
    const redialled = vi.fn();
    const switched = vi.fn();
    const say = (_fields: object, message: string) => void lines.push(message);
    const fallback = new Fallback({
      settings: hasFallback ? { afterMs: 5_000 } : undefined,
      reachability: () => ({ ...now }),
      onDirect: diverted,
      onSwitched: switched,
      redial: redialled,
      clock: () => Date.now(),
      logger: { debug: say, info: say, warn: say, error: say },
    });
    fallback.start();
    return { fallback, now, lines, diverted, redialled, switched };
  }

  it('begins by itself, takes what waits along, says so once each way, and counts', () => {
    const { fallback, now, lines, diverted } = bench();
    now.isReachable = false;
    fallback.look();
    vi.advanceTimersByTime(4_900);
    expect([fallback.takesOver, diverted.mock.calls.length, lines]).toEqual([false, 0, []]);
    vi.advanceTimersByTime(200);
    expect([fallback.takesOver, diverted.mock.calls.length, lines.length]).toEqual([true, 1, 1]);
    fallback.look();
    expect(lines).toHaveLength(1);
    now.isReachable = true;
    fallback.look();
    expect([fallback.takesOver, fallback.isActive, fallback.begunCount, lines.length]).toEqual([
      false,
      false,
      1,
      2,
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tells what keeps connections of each begin and end', () => {
    const { fallback, now, switched } = bench();
    const told = [false, true, false, true].map((isReachable) => {
      Object.assign(now, { isReachable });
      fallback.look();
      const atOnce = switched.mock.calls.length;
      vi.advanceTimersByTime(5_000);
      fallback.look();
      return [atOnce, switched.mock.calls.length];
    });
    expect(told).toEqual([
      [0, 1],
      [2, 2],
      [2, 3],
      [4, 4],
    ]);
  });

  it('waits for a network before it begins, and lets new connections wait for one later', () => {
    const { fallback, now, diverted } = bench();
    Object.assign(now, NO_NETWORK);
    fallback.look();
    vi.advanceTimersByTime(60_000);
    expect(fallback.isActive).toBe(false);
    now.isDirectPossible = true;
    vi.advanceTimersByTime(500);
    expect([fallback.takesOver, diverted.mock.calls.length]).toEqual([true, 1]);
    now.isDirectPossible = false;
    expect([fallback.isActive, fallback.takesOver]).toEqual([true, false]);
    // The network tells that it is back.
    now.isDirectPossible = true;
    fallback.look();
    expect(diverted).toHaveBeenCalledTimes(2);
  });

  it('is there, or not, as soon as the configuration says so', () => {
    const { fallback, now } = bench({ hasFallback: false });
    Object.assign(now, AWAY);
    fallback.look();
    vi.advanceTimersByTime(60_000);
    expect(fallback.isActive).toBe(false);
    fallback.configure({ afterMs: 1_000 });
    vi.advanceTimersByTime(1_000);
    expect(fallback.isActive).toBe(true);
    fallback.configure(undefined);
    expect(fallback.isActive).toBe(false);
  });

  it('has the concentrator dialled often for ten minutes', () => {
    const { fallback, now, redialled } = bench();
    Object.assign(now, AWAY);
    fallback.look();
    vi.advanceTimersByTime(5_000);
    expect(redialled).not.toHaveBeenCalled();
    vi.advanceTimersByTime(6_000);
    expect(redialled).toHaveBeenCalledTimes(4);
    vi.advanceTimersByTime(3_600_000);
    expect(redialled).toHaveBeenCalledTimes(399);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('has no timer once it is stopped', () => {
    const { fallback, now } = bench();
    Object.assign(now, AWAY);
    fallback.look();
    fallback.stop();
    fallback.look();
    expect(vi.getTimerCount()).toBe(0);
  });
});
