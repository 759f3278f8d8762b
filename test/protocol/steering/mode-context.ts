import type { ModeContext } from '../../../shared/protocol/scheduler/mode-context.ts';
import type { SentStream } from '../../../shared/protocol/scheduler/packet-scheduler.ts';
import type { PolicyParameters } from '../../../shared/protocol/scheduler/policy-parameters.ts';
import { LIMITS_TUNING, UplinkLimits } from '../../../shared/protocol/scheduler/uplink-limits.ts';
import { STANDING_TUNING } from '../../../shared/protocol/scheduler/uplink-standing.ts';
import { AGGREGATE_TUNING, Aggregate } from '../../../shared/protocol/steering/modes/aggregate.ts';
import { TestClock } from '../test-clock.ts';

/** A stream of which nothing was sent. */
export const NOTHING_SENT: SentStream = {
  isDone: false,
  deliveredTo: 0,
  sentBytes: 0,
  finIsUnderWay: false,
  firstUndelivered: () => undefined,
  onUnderWayElsewhere: () => {},
};

/** What a strategy with this policy is made of, at the client unless said otherwise. */
export function modeContext(policy: PolicyParameters, more: Partial<ModeContext> = {}): ModeContext {
  const { now = new TestClock() } = more;
  return {
    now,
    followsPeer: false,
    policy,
    stream: NOTHING_SENT,
    previous: undefined,
    limits: ({ delayOf, defaultMaxRttMs }) =>
      new UplinkLimits({
        now,
        maxRttMs: policy.maxRttMs ?? defaultMaxRttMs,
        maxLoss: policy.maxLoss,
        tuning: LIMITS_TUNING,
        standingTuning: STANDING_TUNING,
        delayOf,
      }),
    aggregate: new Aggregate(AGGREGATE_TUNING),
    ...more,
  };
}
