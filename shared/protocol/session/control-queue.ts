import type { ControlItem } from './control-item.ts';

/**
 * Control frames that wait for a subflow, oldest first. Each item is in it at most once. A peer that asks and asks, and
 * takes no answer, makes it grow: the session watches `unsettled`.
 */
export class ControlQueue {
  #items: ControlItem[] = [];
  readonly #unsettled = new Set<ControlItem>();

  get isEmpty(): boolean {
    return this.#items.length === 0;
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
    for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) {
      item.isQueued = false;
      const bytes = item.isReceipted ? undefined : item.encode();
      if (bytes !== undefined) return { item, bytes };
      this.#unsettled.delete(item);
    }
    return undefined;
  }

  /** The item has arrived. */
  onReceipted(item: ControlItem): void {
    item.isReceipted = true;
    this.#unsettled.delete(item);
  }
}
