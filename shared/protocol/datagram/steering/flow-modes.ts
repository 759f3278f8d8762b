import type { SteeringMode } from '../../steering/modes.ts';
import type { FlowMode, FlowModeContext } from './modes/flow-mode.ts';
import { Flowlets } from './modes/flowlets.ts';
import { PriorityFlow } from './modes/priority.ts';
import { RedundantFlow } from './modes/redundant.ts';
import { SharesFlow } from './modes/shares.ts';
import { StandbyFlow } from './modes/standby.ts';

/** What each steering mode is for the datagrams of a flow. */
export interface FlowModeRow {
  readonly make: (context: FlowModeContext) => FlowMode;
  /** Uplinks on which UDP does not pass take part with their subflows; otherwise those stand in only where UDP passes on none. */
  readonly mixesFrames: boolean;
  /** A small flow's datagrams travel twice while there is reason to doubt their path, not only once feedback is late. */
  readonly doubles: boolean;
}

export const FLOW_MODES: Readonly<Record<SteeringMode, FlowModeRow>> = {
  'lowest-latency': {
    make: (context) => new Flowlets(context, 'lowest-latency'),
    mixesFrames: false,
    doubles: true,
  },
  aggregate: { make: (context) => new Flowlets(context, 'aggregate'), mixesFrames: false, doubles: true },
  redundant: { make: (context) => new RedundantFlow(context), mixesFrames: true, doubles: false },
  'active-standby': { make: (context) => new StandbyFlow(context), mixesFrames: true, doubles: false },
  priority: { make: (context) => new PriorityFlow(context), mixesFrames: true, doubles: false },
  weighted: { make: (context) => new SharesFlow(context, 'weighted'), mixesFrames: true, doubles: false },
  'round-robin': {
    make: (context) => new SharesFlow(context, 'round-robin'),
    mixesFrames: true,
    doubles: false,
  },
};
