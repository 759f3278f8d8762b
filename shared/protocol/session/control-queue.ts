import type { ControlItem } from './control-item.ts';

/** Control frames that wait for a subflow, oldest first. Each item is in it at most once: bounded by streams and subflows. */
export class ControlQueue {
  #items: ControlItem[] = [];

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  push(item: ControlItem): void {
    if (item.isQueued || item.isReceipted) return;
    item.isQueued = true;
    this.#items.push(item);
  }

  /** Takes the oldest item that still says something, with its bytes. */
  shift(): { item: ControlItem; bytes: Uint8Array } | undefined {
    for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) {
      item.isQueued = false;
      const bytes = item.isReceipted ? undefined : item.encode();
      if (bytes !== undefined) return { item, bytes };
    }
    return undefined;
  }
}
