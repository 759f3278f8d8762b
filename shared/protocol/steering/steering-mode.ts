import type { Now } from '../now.ts';
import type { SubflowView } from '../subflow/subflow-view.ts';
import type { PacketScheduler, SentStream } from './packet-scheduler.ts';
import type { ModeParameters, PolicyParameters } from './policy-parameters.ts';
import type { SteeringTuning } from './steering-tuning.ts';

/** A steering mode: a row of the table in `modes.ts`. */
export interface SteeringModeRow {
  /** Its number in OPEN and STEERING (SPEC.md section 6). */
  readonly wire: number;
  /** Other names of it in configurations. */
  readonly aliases: readonly ModeAlias[];
  /** The parameters that mean something in it, and whether it can do without. */
  readonly parameters: Readonly<Partial<Record<keyof ModeParameters, 'optional' | 'required'>>>;
  /** One strategy serves all streams of a session; by default each stream has its own. */
  readonly isShared?: boolean;
  /**
   * It spreads bulk freely: an uplink that holds up the rest is parked for it. In other modes the policy says where a
   * stream goes, however fast that is.
   */
  readonly spreadsFreely?: boolean;
  /** Of the subflows that the policy allows, those that carry its streams; absent: all. Depends on nothing else. */
  readonly carriers?: <View extends SubflowView>(allowed: readonly View[]) => readonly View[];
  /** Makes the strategy of a stream, or of all streams of a session where it is shared. */
  readonly make: (context: ModeContext) => PacketScheduler;
}

export interface ModeAlias {
  readonly name: string;
  /** It means this mode only together with this parameter, and another mode without it. */
  readonly onlyWith?: keyof ModeParameters;
}

/** What a strategy may need of its session, and of its stream if it is not shared. */
export interface ModeContext {
  readonly now: Now;
  readonly tuning: SteeringTuning;
  /** Where a policy leaves the choice open, the uplink on which the peer sent last is taken. */
  readonly followsPeer: boolean;
  readonly policy: PolicyParameters;
  readonly stream: SentStream;
  /** The strategy that the stream had so far, if it is steered anew. */
  readonly previous: PacketScheduler | undefined;
  /** The session's strategy for streams without a policy. */
  readonly aggregate: PacketScheduler;
}
