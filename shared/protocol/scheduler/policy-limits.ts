import type { Now } from '../now.ts';
import type { LimitsOfMode } from './mode-context.ts';
import type { PolicyParameters } from './policy-parameters.ts';
import { type LimitsTuning, UplinkLimits } from './uplink-limits.ts';
import type { StandingTuning } from './uplink-standing.ts';

export interface PolicyLimitsTuning {
  readonly limits: LimitsTuning;
  readonly standing: StandingTuning;
}

/** The limits of each policy: the same object for all that have it, for as long as something does. */
export class PolicyLimits {
  readonly #now: Now;
  readonly #tuning: PolicyLimitsTuning;
  readonly #limits = new WeakMap<PolicyParameters, UplinkLimits>();

  constructor(now: Now, tuning: PolicyLimitsTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  of(policy: PolicyParameters, { delayOf, defaultMaxRttMs }: LimitsOfMode): UplinkLimits {
    const known = this.#limits.get(policy);
    if (known !== undefined) return known;
    const limits = new UplinkLimits({
      now: this.#now,
      maxRttMs: policy.maxRttMs ?? defaultMaxRttMs,
      maxLoss: policy.maxLoss,
      tuning: this.#tuning.limits,
      standingTuning: this.#tuning.standing,
      delayOf,
    });
    this.#limits.set(policy, limits);
    return limits;
  }
}
