import type { TransitionTable } from '../transition-table.ts';

/**
 * What this end thinks of a subflow. Doubted: nothing new goes there and what is under way is sent again elsewhere,
 * until receipts come again.
 */
export type SubflowState = 'active' | 'doubted' | 'closed';
export type SubflowEvent = 'doubt' | 'recover' | 'close';

export const SUBFLOW_TABLE: TransitionTable<SubflowState, SubflowEvent> = {
  active: { doubt: 'doubted', close: 'closed' },
  doubted: { recover: 'active', close: 'closed' },
  closed: {},
};
