import type { Logger } from 'pino';
import type { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { formatByteSize } from '../../shared/runtime/config/byte-size.ts';

/** A session, as far as its memory matters. */
export interface MemoryHolder {
  readonly clientId: string;
  readonly id: string;
  readonly memory: MemoryBudget;
  /** Whether it waits for a subflow to come back, and carries nothing. */
  readonly isLingering: boolean;
  /** Ends it, for its memory. */
  end(): void;
}

export interface ShortageWatchOptions {
  readonly total: MemoryBudget;
  holders(): readonly MemoryHolder[];
  readonly clock: MonotonicClock;
  readonly logger: Logger;
}

/** Lingering sessions end when some level that they are in has less than this share free. */
const SHORT_SHARE = 7 / 8;
/** One line in so long says that streams were refused or reset. */
const LOG_MS = 60_000;

/**
 * Looks after the memory of the process: when a level runs short, sessions that wait without a subflow give theirs back, those that
 * hold most first. Says when streams were refused or reset for lack of memory.
 */
export class ShortageWatch {
  readonly #options: ShortageWatchOptions;
  #toldRefusals = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(options: ShortageWatchOptions) {
    this.#options = options;
  }

  check(): void {
    this.#endLingering();
    this.#tellRefusals();
  }

  /** Whether something is still to be said. */
  get hasUntold(): boolean {
    return this.#options.total.refusals > this.#toldRefusals;
  }

  #endLingering(): void {
    const { holders, logger } = this.#options;
    const lingering = holders().filter(({ isLingering, memory }) => isLingering && memory.usedBytes > 0);
    lingering.sort((one, other) => other.memory.usedBytes - one.memory.usedBytes);
    for (const { clientId, id, memory, end } of lingering) {
      if (memory.freeBytes(SHORT_SHARE) > 0) continue;
      logger.warn({ client: clientId, session: id }, 'memory is short: ending a session without a subflow');
      end();
    }
  }

  #tellRefusals(): void {
    const { total, clock, logger } = this.#options;
    const refusals = total.refusals - this.#toldRefusals;
    if (!this.hasUntold || clock() - this.#toldMs < LOG_MS) return;
    this.#toldRefusals = total.refusals;
    this.#toldMs = clock();
    const used = `${formatByteSize(total.usedBytes)} of ${formatByteSize(total.limitBytes)}`;
    logger.warn(
      { refusals, used },
      'no memory for streams: refused or reset them; see limits.memoryPerClient and limits.memoryTotal',
    );
  }
}
