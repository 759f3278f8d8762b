import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { NamedTable } from '../../shared/runtime/named-table.ts';
import { WireCounter } from './wire-counter.ts';

/** The counters of all uplinks, by name. */
export class WireTable extends NamedTable<WireCounter> {
  /** Where the figures come from. */
  readonly source: 'kernel' | 'estimate';

  constructor(native: NativeSockets | undefined, maxUplinks: number) {
    super(maxUplinks, () => new WireCounter(native));
    this.source = native === undefined ? 'estimate' : 'kernel';
  }
}
