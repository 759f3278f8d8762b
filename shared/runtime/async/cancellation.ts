/** The part of AbortSignal that this project uses; an AbortSignal is one. */
export interface CancelSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
  /** @throws the reason */
  throwIfAborted(): void;
}

/**
 * An AbortController and its signal in one, for use with every connection. Node's own pair costs an EventTarget and an error
 * with a stack: three of them took about a sixth of the concentrator's time to open a stream.
 */
export class Cancellation implements CancelSignal {
  /** Mostly there is one listener, and a set costs more than all else here. */
  #listener: (() => void) | undefined;
  /** Those that came behind it. */
  #others: Set<() => void> | undefined;
  #aborted = false;
  #reason: unknown;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    if (this.#aborted) this.#reason ??= Object.assign(new Error('no longer wanted'), { code: 'ECANCELLED' });
    return this.#reason;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === listener) return;
    if (this.#listener === undefined && this.#others === undefined) this.#listener = listener;
    else {
      this.#others ??= new Set();
      this.#others.add(listener);
    }
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === listener) this.#listener = undefined;
    else this.#others?.delete(listener);
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.reason;
  }

  /** Tells the listeners, once. */
  abort(reason?: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#listener?.();
    this.#listener = undefined;
    for (const listener of this.#others ?? []) listener();
    this.#others = undefined;
  }
}
