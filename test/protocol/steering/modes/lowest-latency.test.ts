import { describe, expect, it } from 'vitest';
import type { PolicyParameters } from '../../../../shared/protocol/scheduler/policy-parameters.ts';
import {
  LOWEST_LATENCY_TUNING,
  LowestLatency,
} from '../../../../shared/protocol/steering/modes/lowest-latency.ts';
import { bulk, uplinkNamed, view } from '../../scheduler/views.ts';
import { TestClock } from '../../test-clock.ts';
import { modeContext } from '../mode-context.ts';

const now = new TestClock();
const { at } = now;
const make = (policy: PolicyParameters = {}) =>
  new LowestLatency(modeContext(policy, { now }), LOWEST_LATENCY_TUNING);

const near = (more = {}) => view(0, 10, 30, more);
const far = (more = {}) => view(1, 100, 60, more);

/** The ids that it chooses, one look every 100 ms from `fromMs` to `toMs`, without repeats. */
function choices(
  scheduler: LowestLatency,
  views: ReturnType<typeof view>[],
  fromMs: number,
  toMs: number,
): (number | undefined)[] {
  const found: (number | undefined)[] = [];
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 100) {
    const id = at(nowMs, scheduler).select(bulk(), views)?.id;
    if (found.at(-1) !== id || found.length === 0) found.push(id);
  }
  return found;
}

describe('lowest-latency', () => {
  it('takes the lowest delay, and waits for it when it is busy', () => {
    const scheduler = make();
    expect(choices(scheduler, [far(), near()], 0, 1_000)).toEqual([0]);
    expect(choices(scheduler, [far(), near({ isFree: false })], 1_100, 5_000)).toEqual([undefined]);
  });

  it('leaves it above the limit, for one within', () => {
    const scheduler = make();
    choices(scheduler, [far(), near()], 0, 1_000);
    expect(choices(scheduler, [far(), near({ delayMs: 249 })], 1_100, 1_500)).toEqual([0]);
    expect(choices(scheduler, [far(), near({ delayMs: 251 })], 1_600, 1_600)).toEqual([1]);
    expect(choices(scheduler, [far(), near({ delayMs: 240 })], 1_700, 60_000)).toEqual([1]);
  });

  it('does not leave an uplink for one of its paths, as long as another is within the limit', () => {
    const scheduler = make();
    const second = (more = {}) => ({ ...view(2, 10, 30, more), uplink: near().uplink });
    choices(scheduler, [far(), near(), second()], 0, 1_000);
    expect(choices(scheduler, [far(), near({ delayMs: 400 }), second()], 1_100, 5_000)).not.toContain(1);
    expect(choices(scheduler, [far(), near(), second({ delayMs: 400 })], 5_100, 9_000)).not.toContain(1);
    const both = [far(), near({ delayMs: 400 }), second({ delayMs: 400 })];
    expect(choices(scheduler, both, 9_100, 9_500)).toEqual([1]);
  });

  it('goes back once it has been good, and clearly better, for a while', () => {
    const scheduler = make();
    choices(scheduler, [far(), near()], 0, 1_000);
    choices(scheduler, [far(), near({ delayMs: 400 })], 1_100, 2_000);
    expect(choices(scheduler, [far(), near()], 2_100, 6_000)).toEqual([1]);
    expect(choices(scheduler, [far(), near()], 6_100, 7_000).at(-1)).toBe(0);
  });

  it("remembers the standing of a few uplinks only: the names are the peer's, and may be many", () => {
    const scheduler = make();
    choices(scheduler, [far(), near()], 0, 1_000);
    choices(scheduler, [far(), near({ delayMs: 400 })], 1_100, 2_000);
    const others = Array.from({ length: 100 }, (_, i) => ({ ...far(), uplink: uplinkNamed(`other${i}`) }));
    choices(scheduler, others, 2_100, 2_100);
    expect(choices(scheduler, [near()], 2_200, 2_200)).toEqual([0]);
    expect(choices(scheduler, [far(), near()], 2_300, 2_300)).toEqual([0]);
  });

  it('takes the best of those that are all too slow, and stays there', () => {
    const scheduler = make({ maxRttMs: 20 });
    expect(choices(scheduler, [far(), near()], 0, 10_000)).toEqual([0]);
  });

  it('leaves one that loses too much', () => {
    const scheduler = make({ maxLoss: 0.01 });
    choices(scheduler, [far(), near({ lossShare: 0.01 })], 0, 1_000);
    expect(choices(scheduler, [far(), near({ lossShare: 0.02 })], 1_100, 3_000)).toEqual([1]);
  });

  it('changes for a delay that is clearly lower for two seconds, and not for one that is a little or briefly so', () => {
    const scheduler = make();
    choices(scheduler, [far(), near()], 0, 1_000);
    expect(choices(scheduler, [far(), near({ delayMs: 64 })], 1_100, 20_000)).toEqual([0]);
    expect(choices(scheduler, [far(), near({ delayMs: 120 })], 20_100, 22_000)).toEqual([0]);
    choices(scheduler, [far(), near()], 22_100, 22_200);
    expect(choices(scheduler, [far(), near({ delayMs: 120 })], 22_300, 24_200)).toEqual([0]);
    expect(choices(scheduler, [far(), near({ delayMs: 120 })], 24_300, 26_000)).toEqual([1]);
  });

  it('does not blame an uplink for what was queued there by this end', () => {
    const scheduler = make();
    choices(scheduler, [far(), near()], 0, 1_000);
    // 10 Mbit/s, 30 ms: 37500 bytes fill the pipe, another 125000 are 100 ms of queue.
    const loaded = near({ delayMs: 130, inFlightBytes: 162_500 });
    expect(choices(scheduler, [far(), loaded], 1_100, 20_000)).toEqual([0]);
  });

  it('copies to the uplink in use alone', () => {
    const scheduler = make();
    at(0, scheduler).select(bulk(), [far(), near()]);
    expect([scheduler.mayCopy(near()), scheduler.mayCopy(far())]).toEqual([true, false]);
  });
});
