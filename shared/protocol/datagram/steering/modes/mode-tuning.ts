import type { FlowletTuning } from './flowlets.ts';
import type { SharesTuning } from './shares.ts';
import type { StandbyTuning } from './standby.ts';

/** The numbers of the modes, in groups. */
export interface FlowModeTuning {
  readonly flowlets: FlowletTuning;
  readonly flowStandby: StandbyTuning;
  readonly flowShares: SharesTuning;
}
