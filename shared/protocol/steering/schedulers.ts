import type { Now } from '../now.ts';
import type { ModeContext } from '../scheduler/mode-context.ts';
import type { PacketScheduler, SentStream } from '../scheduler/packet-scheduler.ts';
import { PolicyLimits } from '../scheduler/policy-limits.ts';
import type { UplinkLimits } from '../scheduler/uplink-limits.ts';
import { DEFAULT_MODE, hasPreferences, rowOf, type SteeringMode } from './modes.ts';
import type { SteeringPolicy } from './steering-policy.ts';
import type { SteeringTuning } from './steering-tuning.ts';

export interface SchedulersOptions {
  readonly now: Now;
  readonly tuning: SteeringTuning;
  /** Where a policy leaves the choice open, the uplink on which the peer sent last is taken. */
  readonly followsPeer: boolean;
}

/** One session's packet schedulers: of some modes one for all of its streams, of the others one for each stream. */
export class Schedulers {
  readonly #options: SchedulersOptions;
  readonly #shared = new Map<SteeringMode, PacketScheduler>();
  readonly #limits: PolicyLimits;

  constructor(options: SchedulersOptions) {
    this.#options = options;
    this.#limits = new PolicyLimits(options.now, options.tuning);
  }

  /**
   * The scheduler of a stream with this policy, which is the same object for all streams that have it.
   * @param previous the one that it had so far, if it is steered anew
   */
  for(policy: SteeringPolicy, stream: SentStream, previous?: PacketScheduler): PacketScheduler {
    const { isShared: mayShare = false, make } = rowOf(policy.mode);
    const isShared = mayShare && !hasPreferences(policy);
    const shared = isShared ? this.#shared.get(policy.mode) : undefined;
    if (shared !== undefined) return shared;
    const made = make(this.#context(policy, stream, previous), this.#options.tuning);
    if (isShared) this.#shared.set(policy.mode, made);
    return made;
  }

  /** The limits of a policy that a stream has or had of late; undefined where it has none. */
  limitsOf(policy: SteeringPolicy): UplinkLimits | undefined {
    return this.#limits.known(policy);
  }

  /** About once per shortest round trip. */
  onRound(wasBlocked: boolean): void {
    for (const scheduler of this.#shared.values()) scheduler.onRound?.(wasBlocked);
  }

  #context(policy: SteeringPolicy, stream: SentStream, previous: PacketScheduler | undefined): ModeContext {
    const schedulers = this;
    const { now, followsPeer } = this.#options;
    return {
      now,
      followsPeer,
      policy,
      stream,
      previous,
      limits: (how) => this.#limits.of(policy, how),
      get aggregate() {
        return schedulers.for({ mode: DEFAULT_MODE }, stream);
      },
    };
  }
}
