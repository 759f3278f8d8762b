import type { KernelMemoryWatch } from './kernel-memory-watch.ts';
import type { ShortageWatch } from './shortage-watch.ts';

export interface MemoryWatchOptions {
  readonly shortage: Pick<ShortageWatch, 'check' | 'hasUntold'>;
  readonly kernel: Pick<KernelMemoryWatch, 'check'>;
  /** Whether there is a stream: without any nothing is kept. */
  hasStreams(): boolean;
}

const LOOK_MS = 1_000;

/** Looks after memory every second, for as long as there are streams. A concentrator without any sleeps. */
export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
  }

  /** There is a stream. */
  wake(): void {
    if (this.#isStopped) return;
    this.#timer ??= setTimeout(() => this.#look(), LOOK_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #look(): void {
    const { shortage, kernel, hasStreams } = this.#options;
    this.#timer = undefined;
    shortage.check();
    kernel.check();
    if (hasStreams() || shortage.hasUntold) this.wake();
  }
}
