import type { Now } from '../now.ts';
import { RETIRE_MS, RETIRE_QUIET_MS } from '../tunables.ts';
import type { ControlItem } from './control-item.ts';
import { isDeliveredElsewhere } from './reinjection.ts';
import type { SessionSubflow } from './sent-item.ts';

interface Retiring {
  readonly sinceMs: number;
  /** PRIORITY, by which the peer stops sending there. */
  readonly notice: ControlItem;
}

/** Subflows that the client no longer wants: they carry nothing new, and close when all has arrived, both ways. */
export class Retirement {
  readonly #now: Now;
  readonly #retiring = new Map<SessionSubflow, Retiring>();

  constructor(now: Now) {
    this.#now = now;
  }

  add(subflow: SessionSubflow, notice: ControlItem): void {
    subflow.isRetiring = true;
    this.#retiring.set(subflow, { sinceMs: this.#now.ms, notice });
  }

  /** Those that may be closed now. */
  takeFinished(subflows: readonly SessionSubflow[]): readonly SessionSubflow[] {
    if (this.#retiring.size === 0) return [];
    // While the others are in doubt it may be all that works.
    if (!subflows.some(({ state, isRetiring }) => state === 'active' && !isRetiring)) return [];
    const finished: SessionSubflow[] = [];
    for (const [subflow, retiring] of this.#retiring) {
      if (subflow.state !== 'closed' && !isFinished(subflow, retiring, this.#now)) continue;
      this.#retiring.delete(subflow);
      if (subflow.state !== 'closed') finished.push(subflow);
    }
    return finished;
  }
}

function isFinished(subflow: SessionSubflow, { sinceMs, notice }: Retiring, now: Now): boolean {
  if (now.ms - sinceMs >= RETIRE_MS) return true;
  const quietMs = Math.max(RETIRE_QUIET_MS, 2 * subflow.smoothedRttMs);
  const quietSinceMs = Math.max(sinceMs, subflow.lastDataMs);
  return notice.isReceipted && now.ms - quietSinceMs >= quietMs && isDeliveredElsewhere(subflow);
}
