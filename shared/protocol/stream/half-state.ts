import type { TransitionTable } from '../transition-table.ts';

/** Either half of a stream, SPEC.md section 6. */
export type HalfState = 'open' | 'ending' | 'done';

export type SendEvent = 'end' | 'allReceipted' | 'reset';
export const SEND_TABLE: TransitionTable<HalfState, SendEvent> = {
  open: { end: 'ending', reset: 'done' },
  ending: { allReceipted: 'done', reset: 'done' },
  done: { reset: 'done' },
};

export type ReceiveEvent = 'fin' | 'allConsumed' | 'reset';
export const RECEIVE_TABLE: TransitionTable<HalfState, ReceiveEvent> = {
  open: { fin: 'ending', reset: 'done' },
  ending: { allConsumed: 'done', reset: 'done' },
  done: { reset: 'done' },
};
