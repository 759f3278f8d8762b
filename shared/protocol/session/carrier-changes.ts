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
    const last = this.#last;
    const isSame =
      last.length === subflows.length &&
      last.every(({ subflow, use }, index) => subflow === subflows[index] && use === useOf(subflow));
    if (!isSame) this.#last = subflows.map((subflow) => ({ subflow, use: useOf(subflow) }));
    return !isSame;
  }
}

function useOf({ state, duty, uplink, liveness }: SessionSubflow): number {
  const flags = [state === 'active', duty.value === 'regular', uplink.isParked, liveness.isReady];
  return flags.reduce((use, flag) => use * 2 + Number(flag), 0);
}
