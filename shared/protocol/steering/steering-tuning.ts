import { LIMITS_TUNING, type LimitsTuning } from '../scheduler/uplink-limits.ts';
import { STANDING_TUNING, type StandingTuning } from '../scheduler/uplink-standing.ts';
import { ACTIVE_STANDBY_TUNING, type ActiveStandbyTuning } from './modes/active-standby.ts';
import { AGGREGATE_TUNING, type AggregateTuning } from './modes/aggregate.ts';
import { LOWEST_LATENCY_TUNING, type LowestLatencyTuning } from './modes/lowest-latency.ts';
import { PRIORITY_TUNING, type PriorityTuning } from './modes/priority.ts';
import { WEIGHTED_TUNING, type WeightedTuning } from './modes/weighted.ts';

/** The numbers of the steering modes, in groups. */
export interface SteeringTuning {
  readonly aggregate: AggregateTuning;
  readonly lowestLatency: LowestLatencyTuning;
  readonly limits: LimitsTuning;
  readonly standing: StandingTuning;
  readonly activeStandby: ActiveStandbyTuning;
  readonly priority: PriorityTuning;
  readonly weighted: WeightedTuning;
}

export const STEERING_TUNING: SteeringTuning = {
  aggregate: AGGREGATE_TUNING,
  lowestLatency: LOWEST_LATENCY_TUNING,
  limits: LIMITS_TUNING,
  standing: STANDING_TUNING,
  activeStandby: ACTIVE_STANDBY_TUNING,
  priority: PRIORITY_TUNING,
  weighted: WEIGHTED_TUNING,
};
