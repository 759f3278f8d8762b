/**
 * What a session receives lies in memory that is used again, as in the runtime, as soon as all of it was handed back: what
 * `receive` does not keep at once, the rest once its events were taken. Whoever reads it later reads rubbish. So it goes with one in
 * LEND_EVERY of what arrives: with all, the copies would take a quarter of the simulation's time.
 */
export class LentMemory {
  readonly #keptBytes = new Map<ArrayBufferLike, number>();
  #arrivals = 0;

  /** @param receive the session's; says how many of the bytes its events will bring */
  lend(bytes: Uint8Array, receive: (bytes: Uint8Array) => number): void {
    if (this.#arrivals++ % LEND_EVERY > 0) {
      receive(bytes);
      return;
    }
    const lent = new Uint8Array(bytes);
    const keptBytes = receive(lent);
    if (keptBytes === 0) lent.fill(RUBBISH);
    else this.#keptBytes.set(lent.buffer, keptBytes);
  }

  /** An event has brought these and its receiver is done with them. */
  takeBack({ buffer, length }: Uint8Array): void {
    const keptBytes = this.#keptBytes.get(buffer);
    if (keptBytes === undefined) return;
    if (length > keptBytes) throw new Error('more bytes are handed on than the session said');
    this.#keptBytes.set(buffer, keptBytes - length);
    if (length < keptBytes) return;
    this.#keptBytes.delete(buffer);
    new Uint8Array(buffer).fill(RUBBISH);
  }

  /** All events were taken. */
  checkAllBack(): void {
    for (const bytes of this.#keptBytes.values()) throw new Error(`${bytes} bytes are never handed back`);
  }
}

const LEND_EVERY = 8;
const RUBBISH = 0xdd;
