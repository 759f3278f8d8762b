import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { WireCounter } from './wire-counter.ts';

/** The counters of all uplinks, by name. */
export class WireTable {
  readonly #native: NativeSockets | undefined;
  readonly #maxUplinks: number;
  readonly #byUplink = new Map<string, WireCounter>();

  /** @param maxUplinks names beyond it are counted together as `other` */
  constructor(native: NativeSockets | undefined, maxUplinks: number) {
    this.#native = native;
    this.#maxUplinks = maxUplinks;
  }

  /** Where the figures come from. */
  get source(): 'kernel' | 'estimate' {
    return this.#native === undefined ? 'estimate' : 'kernel';
  }

  of(uplinkName: string): WireCounter {
    let counter = this.#byUplink.get(uplinkName);
    if (counter === undefined && this.#byUplink.size >= this.#maxUplinks && uplinkName !== OTHER)
      return this.of(OTHER);
    if (counter === undefined) {
      counter = new WireCounter(this.#native);
      this.#byUplink.set(uplinkName, counter);
    }
    return counter;
  }

  entries(): IterableIterator<[string, WireCounter]> {
    return this.#byUplink.entries();
  }
}

const OTHER = 'other';
