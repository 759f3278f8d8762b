/** What one uplink has carried of a stream or a flow: bytes of its applications, those that were sent again included. */
export interface CarriedBytes {
  readonly uplinkName: string;
  sentBytes: number;
  receivedBytes: number;
}

/** A session has so many uplinks at a time; one that outlives more of them counts the further ones together. */
const MAX_NAMED = 16;
/** The name of those. */
export const OTHER_UPLINKS = '(others)';

/** What each uplink has carried of a stream or a flow. It costs nothing before something is carried. */
export class CarriedByUplink {
  /** The one that is counted for now comes first: as a rule it is the next one, too. */
  #all: CarriedBytes[] | undefined;

  /** In no particular order. */
  get all(): readonly CarriedBytes[] {
    return this.#all ?? [];
  }

  /** To be counted in. */
  of(uplinkName: string): CarriedBytes {
    this.#all ??= [];
    const all = this.#all;
    for (let index = 0; index < all.length; index++) {
      const found = all[index]!;
      if (found.uplinkName !== uplinkName) continue;
      all[index] = all[0]!;
      all[0] = found;
      return found;
    }
    if (all.length >= MAX_NAMED && uplinkName !== OTHER_UPLINKS) return this.of(OTHER_UPLINKS);
    const carried = { uplinkName, sentBytes: 0, receivedBytes: 0 };
    all.unshift(carried);
    return carried;
  }
}
