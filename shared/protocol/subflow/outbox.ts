import { joinSmall } from '../codec/bytes.ts';
import { Ledger, type LedgerItem } from './ledger.ts';
import type { SendState } from './send-state.ts';

/** Control frames and the first requests and answers of streams: less to copy than it costs to hand a buffer on. */
const JOINED_BELOW_BYTES = 1024;

/**
 * What leaves with the next write of one subflow, and the ledger of what has left. Bounded by what one write may carry, and the
 * control frames of one turn.
 */
export class Outbox<Item extends LedgerItem = LedgerItem> {
  readonly ledger = new Ledger<Item>();
  /** The transport was closed: it takes nothing any more. */
  #isClosed = false;
  #isWritable = true;
  #buffers: Uint8Array[] = [];
  #pendingBytes = 0;

  /** Whether the transport can take a write now. */
  get isWritable(): boolean {
    return this.#isWritable;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** The transport takes a write again, or is busy with one of somebody else. */
  setWritable(isWritable: boolean): void {
    this.#isWritable = isWritable && !this.#isClosed;
  }

  /**
   * Adds a frame that is to arrive as `item`.
   * @param sendState what the congestion controller wants to find again with its receipt
   * @returns its length
   */
  append(buffers: readonly Uint8Array[], item: Item, sendState: SendState): number {
    let bytes = 0;
    for (const buffer of buffers) {
      this.#buffers.push(buffer);
      bytes += buffer.length;
    }
    this.#pendingBytes += bytes;
    const endOffset = this.ledger.writtenBytes + bytes;
    this.ledger.append({ item, endOffset, ...sendState });
    return bytes;
  }

  /** What to write now; the transport is busy from then on until it says otherwise. */
  take(): readonly Uint8Array[] {
    if (!this.#isWritable || this.#pendingBytes === 0) return [];
    const output = joinSmall(this.#buffers, JOINED_BELOW_BYTES);
    this.#isWritable = false;
    this.#clear();
    return output;
  }

  close(): void {
    this.#isClosed = true;
    this.#isWritable = false;
    this.#clear();
  }

  #clear(): void {
    this.#buffers = [];
    this.#pendingBytes = 0;
  }
}
