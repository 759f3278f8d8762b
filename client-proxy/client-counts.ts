import { ResultCounts } from '../shared/runtime/observe/result-counts.ts';
import type { SteeringAction } from './steering/steering-rule.ts';

export type DialResult = 'ok' | 'failed';

/** What is counted as it happens at the client; the metrics read it when they are scraped. */
export class ClientCounts {
  /** Streams that applications asked for, by result. */
  readonly opens = new ResultCounts('ok');
  /** Connections past the concentrator, by result. */
  readonly directOpens = new ResultCounts('ok');
  readonly #dials = new Map<string, Record<DialResult, number>>();
  readonly #decisions: Record<SteeringAction['kind'], number> = { steer: 0, direct: 0, block: 0 };
  readonly #maxUplinks: number;

  /** @param maxUplinks dials of further uplinks are counted together, as `other` */
  constructor(maxUplinks: number) {
    this.#maxUplinks = maxUplinks;
  }

  /** An attempt to bring up a subflow has ended. */
  onDial(uplinkName: string, result: DialResult): void {
    const name = this.#dials.has(uplinkName) || this.#dials.size < this.#maxUplinks ? uplinkName : OTHER;
    const counts = this.#dials.get(name) ?? { ok: 0, failed: 0 };
    counts[result]++;
    this.#dials.set(name, counts);
  }

  /** The rules have decided about a request. */
  onDecision(kind: SteeringAction['kind']): void {
    this.#decisions[kind]++;
  }

  get dials(): ReadonlyMap<string, Readonly<Record<DialResult, number>>> {
    return this.#dials;
  }

  get decisions(): Readonly<Record<SteeringAction['kind'], number>> {
    return this.#decisions;
  }
}

const OTHER = 'other';
