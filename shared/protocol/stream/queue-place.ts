import { StateMachine, type TransitionTable } from '../transition-table.ts';

/**
 * How a stream takes part in sending. `idle`: it has nothing to send. `queued`: it has, and gets its turns. `stranded`: it
 * has, and none of the uplinks that may carry it works; it waits out of the queue, where it would be in the way of others.
 */
export type SendState = 'idle' | 'queued' | 'stranded';
export type SendStateEvent = 'fill' | 'drain' | 'strand' | 'relieve';

export const SEND_STATE_TABLE: TransitionTable<SendState, SendStateEvent> = {
  idle: { fill: 'queued' },
  queued: { drain: 'idle', strand: 'stranded' },
  stranded: { drain: 'idle', relieve: 'queued' },
};

/** What the queue of streams notes of one of them. The queue alone writes it. */
export class QueuePlace {
  readonly #state: StateMachine<SendState, SendStateEvent>;
  /** What the stream may still send in this turn of deficit round robin; below 0 it has overdrawn. */
  deficitBytes = 0;
  /** Since when it is stranded; of no meaning otherwise. */
  strandedSinceMs = 0;
  /** It counts as one that has a choice of uplinks of its own, and something to send. */
  isCountedAsSteered = false;

  constructor(streamId: number) {
    this.#state = new StateMachine('place of stream', streamId, SEND_STATE_TABLE, 'idle');
  }

  get state(): SendState {
    return this.#state.state;
  }

  /** @throws MisuseError for an event that the state has no answer to */
  apply(event: SendStateEvent): SendState {
    return this.#state.apply(event);
  }
}
