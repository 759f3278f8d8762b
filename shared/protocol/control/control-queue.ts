import { PassingSet } from '../passing-set.ts';
import type { ControlItem } from './control-item.ts';

/**
 * Control frames that were not receipted, for each stream that may be open: beyond it the session ends, since the peer asks
 * and does not listen. Some ten are usual, more when streams are opened and given up while every uplink is silent.
 */
export const MAX_CONTROL_PER_STREAM = 64;

/**
 * Control frames that wait for a subflow, oldest first. Each item is in it at most once. A peer that asks and asks, and
 * takes no answer, makes it grow: the session watches `unsettled`.
 */
export class ControlQueue {
  #items: ControlItem[] = [];
  #head = 0;
  readonly #unsettled = new PassingSet<ControlItem>();

  get isEmpty(): boolean {
    return this.#head === this.#items.length;
  }

  /** How many items wait or are under way, neither receipted nor out of date. */
  get unsettled(): number {
    return this.#unsettled.size;
  }

  push(item: ControlItem): void {
    if (item.isQueued || item.isReceipted) return;
    item.isQueued = true;
    this.#unsettled.add(item);
    this.#items.push(item);
  }

  /** Takes the oldest item that still says something, with its bytes. */
  shift(): { item: ControlItem; bytes: Uint8Array } | undefined {
    while (!this.isEmpty) {
      const item = this.#take();
      item.isQueued = false;
      const bytes = item.isReceipted ? undefined : item.encode();
      if (bytes !== undefined) return { item, bytes };
      this.#unsettled.delete(item);
    }
    return undefined;
  }

  /** Not `Array.shift`: it moves all that is left, and a peer may let many thousands wait. */
  #take(): ControlItem {
    const item = this.#items[this.#head++]!;
    if (this.isEmpty || (this.#head > 64 && this.#head * 2 > this.#items.length)) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** The item has arrived. */
  onReceipted(item: ControlItem): void {
    item.isReceipted = true;
    this.#unsettled.delete(item);
  }
}
