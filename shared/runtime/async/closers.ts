/** What a program has started, as a stack: each part is closed before those that it was built on. */
export class Closers {
  readonly #closers: (() => unknown)[] = [];

  /** @param close ends a part that has been started; may return a promise */
  add(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** Closes all parts, the last one first. A part that fails to close does not keep the others open: rejects at the end. */
  async closeAll(): Promise<void> {
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
