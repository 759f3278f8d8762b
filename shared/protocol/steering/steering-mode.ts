import type { ModeContext } from '../scheduler/mode-context.ts';
import type { PacketScheduler } from '../scheduler/packet-scheduler.ts';
import type { ModeParameters } from '../scheduler/policy-parameters.ts';
import type { SubflowView } from '../subflow/subflow-view.ts';
import type { SteeringTuning } from './steering-tuning.ts';

/** A steering mode: a row of the table in `modes.ts`. */
export interface SteeringModeRow {
  /** Its number in OPEN and STEERING (SPEC.md section 6). */
  readonly wire: number;
  /** Other names of it in configurations. */
  readonly aliases: readonly ModeAlias[];
  /** The parameters that mean something in it, and whether it can do without. */
  readonly parameters: Readonly<Partial<Record<keyof ModeParameters, 'optional' | 'required'>>>;
  /** One strategy serves all streams of a session whose policies have no preferences; by default each stream has its own. */
  readonly isShared?: boolean;
  /**
   * It spreads bulk freely: an uplink that holds up the rest is parked for it. In other modes the policy says where a
   * stream goes, however fast that is.
   */
  readonly spreadsFreely?: boolean;
  /** Of the subflows that the policy allows, those that carry its streams; absent: all. Depends on nothing else. */
  readonly carriers?: <View extends SubflowView>(allowed: readonly View[]) => readonly View[];
  /** Makes the strategy of a stream, or of all streams of a session where it is shared. */
  readonly make: (context: ModeContext, tuning: SteeringTuning) => PacketScheduler;
}

export interface ModeAlias {
  readonly name: string;
  /** It means this mode only together with this parameter, and another mode without it. */
  readonly onlyWith?: keyof ModeParameters;
}
