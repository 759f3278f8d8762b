import { atMost } from '../async/at-most.ts';
import { Cancellation } from '../async/cancellation.ts';

/** Starts the parts of a program one after the other, and closes them in the reverse order. */
export class Lifecycle {
  readonly #closers: (() => unknown)[] = [];
  readonly #impatience = new Cancellation();
  #closing: Promise<void> | undefined;

  /**
   * @param startParts starts them, and tells `onClose` how each is closed. When it fails, what has been told is closed before
   * this rejects with the same error.
   */
  async start(startParts: () => Promise<void>): Promise<void> {
    try {
      await startParts();
    } catch (error) {
      // Why a part does not close matters less than why one did not start.
      await this.#closeParts().catch(() => {});
      throw error;
    }
  }

  /** How a part is closed. Those that are told later close earlier. */
  onClose(closePart: () => unknown): void {
    this.#closers.push(closePart);
  }

  /** Closes all parts. A second call cuts the waiting short that is done by `patiently`, and resolves with the first. */
  close(): Promise<void> {
    if (this.#closing === undefined) this.#closing = this.#closeParts();
    else this.#impatience.abort();
    return this.#closing;
  }

  /** Waits for work that ends by itself, at most `limitMs` milliseconds, and not after a second call of `close`. */
  patiently(limitMs: number, work: Promise<unknown>): Promise<void> {
    return atMost(limitMs, work, this.#impatience);
  }

  /** A part that fails to close does not keep the others open: rejects at the end. */
  async #closeParts(): Promise<void> {
    const errors: unknown[] = [];
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
