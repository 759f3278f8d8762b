import type { Now } from '../now.ts';
import type { PacketScheduler, SentStream } from './packet-scheduler.ts';
import type { PolicyParameters } from './policy-parameters.ts';
import type { UplinkLimits, UplinkLimitsOptions } from './uplink-limits.ts';

/** What a strategy may need of its session, and of its stream if it is not shared. */
export interface ModeContext {
  readonly now: Now;
  /** Where a policy leaves the choice open, the uplink on which the peer sent last is taken. */
  readonly followsPeer: boolean;
  readonly policy: PolicyParameters;
  readonly stream: SentStream;
  /**
   * The limits of the policy, the same object for all streams that have it: a new stream does not go to an uplink that others
   * have just left.
   */
  readonly limits: (how: LimitsOfMode) => UplinkLimits;
  /** The strategy that the stream had so far, if it is steered anew. */
  readonly previous: PacketScheduler | undefined;
  /** The session's strategy for streams without a policy. */
  readonly aggregate: PacketScheduler;
}

/** How a mode understands limits. */
export interface LimitsOfMode extends Pick<UplinkLimitsOptions, 'delayOf'> {
  /** Where the policy says nothing; absent: no limit. */
  readonly defaultMaxRttMs?: number;
}
