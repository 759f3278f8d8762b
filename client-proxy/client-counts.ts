import { NamedTable } from '../shared/runtime/named-table.ts';
import { ResultCounts } from '../shared/runtime/observe/result-counts.ts';
import type { SteeringAction } from './steering/steering-rule.ts';

/** How often subflows of an uplink were dialled. */
export interface DialCounts {
  ok: number;
  failed: number;
}

/** What is counted as it happens at the client; the metrics read it when they are scraped. */
export class ClientCounts {
  /** Attempts to bring up a subflow, by the name of the uplink. */
  readonly dials: NamedTable<DialCounts>;
  /** Streams that applications asked for, by result. */
  readonly opens = new ResultCounts('ok');
  /** Connections past the concentrator, by result. */
  readonly directOpens = new ResultCounts('ok');
  /** Questions of applications for an address or a name, by result. */
  readonly lookups = new ResultCounts('ok');
  /** Requests, by what the rules have decided. */
  readonly decisions: Record<SteeringAction['kind'], number> = { steer: 0, direct: 0, block: 0 };

  /** @param maxUplinks further uplinks are counted together */
  constructor(maxUplinks: number) {
    this.dials = new NamedTable(maxUplinks, () => ({ ok: 0, failed: 0 }));
  }
}
