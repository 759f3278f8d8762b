import type { SessionSubflow } from './sent-item.ts';

/** What of a subflow decides which streams it may carry. */
interface Standing {
  readonly subflow: SessionSubflow;
  readonly use: number;
}

/** Notices when streams may have other carriers than before: subflows have come or gone, or are good for something else. */
export class CarrierChanges {
  #last: readonly Standing[] = [];

  /** @returns whether anything is other than at the last call */
  note(subflows: readonly SessionSubflow[]): boolean {
    if (this.#isSame(subflows)) return false;
    this.#last = subflows.map((subflow) => ({ subflow, use: useOf(subflow) }));
    return true;
  }

  /** In every turn, so without rubbish. */
  #isSame(subflows: readonly SessionSubflow[]): boolean {
    if (this.#last.length !== subflows.length) return false;
    let index = 0;
    for (const { subflow, use } of this.#last) {
      if (subflow !== subflows[index++] || use !== useOf(subflow)) return false;
    }
    return true;
  }
}

function useOf({ state, duty, uplink, liveness }: SessionSubflow): number {
  let use = state === 'active' ? 1 : 0;
  if (duty.value === 'regular') use += 2;
  if (uplink.isParked) use += 4;
  if (liveness.isReady) use += 8;
  return use;
}
