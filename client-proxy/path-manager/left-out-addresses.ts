import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';

/** More than the addresses that a concentrator has; the oldest is tried again. */
const MAX_ADDRESSES = 64;

/** Addresses at which another machine answers, which does not know the session. Dials of the session leave them out. */
export class LeftOutAddresses {
  readonly #texts = new Set<string>();

  get isEmpty(): boolean {
    return this.#texts.size === 0;
  }

  add(address: Destination): void {
    this.#texts.add(formatDestination(address));
    const [oldest] = this.#texts;
    if (this.#texts.size > MAX_ADDRESSES && oldest !== undefined) this.#texts.delete(oldest);
  }

  has(address: Destination): boolean {
    return this.#texts.has(formatDestination(address));
  }

  /** All may be tried again. */
  clear(): void {
    this.#texts.clear();
  }
}
