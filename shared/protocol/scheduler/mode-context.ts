import type { Now } from '../now.ts';
import type { PacketScheduler, SentStream } from './packet-scheduler.ts';
import type { PolicyParameters } from './policy-parameters.ts';

/** What a strategy may need of its session, and of its stream if it is not shared. */
export interface ModeContext {
  readonly now: Now;
  /** Where a policy leaves the choice open, the uplink on which the peer sent last is taken. */
  readonly followsPeer: boolean;
  readonly policy: PolicyParameters;
  readonly stream: SentStream;
  /** The strategy that the stream had so far, if it is steered anew. */
  readonly previous: PacketScheduler | undefined;
  /** The session's strategy for streams without a policy. */
  readonly aggregate: PacketScheduler;
}
