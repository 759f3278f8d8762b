import type { ControlQueue } from '../control/control-queue.ts';
import type { SessionSubflow } from './sent-item.ts';
import type { SessionStreams } from './session-streams.ts';

/** Takes back what is under way on a subflow that is doubted, parked or gone, so that it is sent again on others. */
export class Surrender {
  readonly #control: ControlQueue;
  readonly #streams: Pick<SessionStreams, 'onLost'>;

  constructor(control: ControlQueue, streams: Pick<SessionStreams, 'onLost'>) {
    this.#control = control;
    this.#streams = streams;
  }

  /** @param all the subflows of the session: receipts of theirs may be lost with what was under way */
  of(subflow: SessionSubflow, all: readonly SessionSubflow[]): void {
    const entries = subflow.outbox.ledger.surrender();
    if (entries.length === 0) return;
    for (const { item, sentMs } of entries) {
      if (item.kind === 'control') this.#control.push(item.control);
      if (item.kind === 'data') this.#streams.onLost(item, subflow, sentMs);
    }
    for (const { receipts } of all) receipts.repeat();
  }
}
