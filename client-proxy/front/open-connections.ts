import { PassingSet } from '../../shared/protocol/passing-set.ts';

/** The open connections of a listener: a bounded number, and the wait for their end. */
export class OpenConnections<Connection extends { destroy(how: 'reset'): void }> {
  readonly #limit: number;
  readonly #onFull: (limit: number) => void;
  readonly #open = new PassingSet<Connection>();
  #isDraining = false;
  #saidFull = false;
  #waitingForNone: (() => void)[] = [];

  /** @param onFull told once for each time that the limit is reached, not for each connection that is turned away */
  constructor(limit: number, onFull: (limit: number) => void) {
    this.#limit = limit;
    this.#onFull = onFull;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Whether there may be one more.
   *
   * @param makePlace asked at the limit: whether another one, which is ended, gives its place
   */
  hasPlace(makePlace: () => boolean = () => false): boolean {
    if (this.#isDraining) return false;
    const isFull = this.#open.size >= this.#limit;
    if (isFull && makePlace()) return true;
    if (isFull && !this.#saidFull) this.#onFull(this.#limit);
    this.#saidFull = isFull;
    return !isFull;
  }

  add(connection: Connection): void {
    this.#open.add(connection);
  }

  /** It has ended. */
  remove(connection: Connection): void {
    this.#open.delete(connection);
    if (this.#open.size > 0) return;
    const waiting = this.#waitingForNone;
    this.#waitingForNone = [];
    for (const resolve of waiting) resolve();
  }

  /** No more connections; resolves when those that are open have ended by themselves. */
  drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waitingForNone.push(resolve));
  }

  /** Resets all that are open: nobody must take a transfer that is cut off for a complete one. Resolves when they are gone. */
  close(): Promise<void> {
    const none = this.drain();
    for (const connection of this.#open) connection.destroy('reset');
    return none;
  }
}
