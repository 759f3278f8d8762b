import type { Now } from '../now.ts';
import type { Subflow } from '../subflow/subflow.ts';
import { RETIRE_MS, RETIRE_QUIET_MS } from '../tunables.ts';
import type { ControlItem } from './control-item.ts';
import { isDeliveredElsewhere } from './reinjection.ts';

interface Retiring {
  readonly sinceMs: number;
  /** PRIORITY, by which the peer stops sending there. */
  readonly notice: ControlItem;
}

/** Subflows that the client no longer wants: they carry nothing new, and close when all has arrived, both ways. */
export class Retirement {
  readonly #now: Now;
  readonly #retiring = new Map<Subflow, Retiring>();

  constructor(now: Now) {
    this.#now = now;
  }

  add(subflow: Subflow, notice: ControlItem): void {
    subflow.isRetiring = true;
    this.#retiring.set(subflow, { sinceMs: this.#now.ms, notice });
  }

  /** Those that may be closed now. */
  takeFinished(subflows: readonly Subflow[]): readonly Subflow[] {
    if (this.#retiring.size === 0) return [];
    // While the others are in doubt it may be all that works.
    if (!subflows.some(({ state, isRetiring }) => state === 'active' && !isRetiring)) return [];
    const finished: Subflow[] = [];
    for (const [subflow, retiring] of this.#retiring) {
      if (subflow.state !== 'closed' && !isFinished(subflow, retiring, this.#now)) continue;
      this.#retiring.delete(subflow);
      if (subflow.state !== 'closed') finished.push(subflow);
    }
    return finished;
  }
}

function isFinished(subflow: Subflow, { sinceMs, notice }: Retiring, now: Now): boolean {
  if (now.ms - sinceMs >= RETIRE_MS) return true;
  const quietMs = Math.max(RETIRE_QUIET_MS, 2 * subflow.smoothedRttMs);
  const quietSinceMs = Math.max(sinceMs, subflow.lastDataMs);
  return notice.isReceipted && now.ms - quietSinceMs >= quietMs && isDeliveredElsewhere(subflow);
}
