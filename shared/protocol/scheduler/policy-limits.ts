import type { Now } from '../now.ts';
import type { LimitsOfMode } from './mode-context.ts';
import type { PolicyParameters } from './policy-parameters.ts';
import { type LimitsTuning, UplinkLimits } from './uplink-limits.ts';
import type { StandingTuning } from './uplink-standing.ts';

export interface PolicyLimitsTuning {
  readonly limits: LimitsTuning;
  readonly standing: StandingTuning;
}

type LimitedPolicy = PolicyParameters & { readonly mode: string };

/**
 * The limits of each policy: the same object for all that have it, also for what begins when nothing has it any more. What one
 * connection has left, the next one does not go back to before its time, unless it begins long after.
 */
export class PolicyLimits {
  readonly #now: Now;
  readonly #tuning: PolicyLimitsTuning;
  /** By policy; what was asked for longest ago comes first. */
  readonly #limits = new Map<string, UplinkLimits>();

  constructor(now: Now, tuning: PolicyLimitsTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  of(policy: LimitedPolicy, { delayOf, defaultMaxRttMs }: LimitsOfMode): UplinkLimits {
    const key = JSON.stringify(policy);
    const limits =
      this.#limits.get(key) ??
      new UplinkLimits({
        now: this.#now,
        maxRttMs: policy.maxRttMs ?? defaultMaxRttMs,
        maxLoss: policy.maxLoss,
        tuning: this.#tuning.limits,
        standingTuning: this.#tuning.standing,
        delayOf,
      });
    if (!limits.isSet) return limits;
    this.#limits.delete(key);
    this.#limits.set(key, limits);
    const oldest = this.#limits.size > MAX_KEPT ? this.#limits.keys().next().value : undefined;
    if (oldest !== undefined) this.#limits.delete(oldest);
    return limits;
  }

  /** Those of a policy that something has had of late; undefined where it has none. */
  known(policy: LimitedPolicy): UplinkLimits | undefined {
    return this.#limits.get(JSON.stringify(policy));
  }
}

/** As many as a session follows policies at a time; further ones are not the same object for all. */
const MAX_KEPT = 128;
