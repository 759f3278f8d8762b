import type { ControlItem } from '../control/control-item.ts';
import type { Now } from '../now.ts';
import { isDeliveredElsewhere } from './reinjection.ts';
import type { SessionSubflow } from './sent-item.ts';

interface Retiring {
  readonly sinceMs: number;
  /** PRIORITY, by which the peer stops sending there. */
  readonly notice: ControlItem;
}

export interface RetirementTuning {
  /** A subflow that is no longer wanted closes after so long without payload from the far end (or twice its round trip), */
  readonly quietMs: number;
  /** and at the latest after this: what is still under way is sent again elsewhere. */
  readonly limitMs: number;
}

export const RETIREMENT_TUNING: RetirementTuning = { quietMs: 200, limitMs: 10_000 };

/** Subflows that the client no longer wants: they carry nothing new, and close when all has arrived, both ways. */
export class Retirement {
  readonly #now: Now;
  readonly #tuning: RetirementTuning;
  readonly #retiring = new Map<SessionSubflow, Retiring>();

  constructor(now: Now, tuning: RetirementTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  add(subflow: SessionSubflow, notice: ControlItem): void {
    this.#retiring.set(subflow, { sinceMs: this.#now.ms, notice });
  }

  /** Those that may be closed now. */
  takeFinished(subflows: readonly SessionSubflow[]): readonly SessionSubflow[] {
    if (this.#retiring.size === 0) return [];
    // While the others are in doubt it may be all that works.
    if (!subflows.some(({ state, duty }) => state === 'active' && duty.value !== 'retiring')) return [];
    const finished: SessionSubflow[] = [];
    for (const [subflow, retiring] of this.#retiring) {
      if (subflow.state !== 'closed' && !this.#isFinished(subflow, retiring)) continue;
      this.#retiring.delete(subflow);
      if (subflow.state !== 'closed') finished.push(subflow);
    }
    return finished;
  }

  #isFinished(subflow: SessionSubflow, { sinceMs, notice }: Retiring): boolean {
    const { quietMs, limitMs } = this.#tuning;
    const nowMs = this.#now.ms;
    if (nowMs - sinceMs >= limitMs) return true;
    const quietSinceMs = Math.max(sinceMs, subflow.lastDataMs);
    const isQuiet = nowMs - quietSinceMs >= Math.max(quietMs, 2 * subflow.smoothedRttMs);
    return notice.isReceipted && isQuiet && isDeliveredElsewhere(subflow);
  }
}
