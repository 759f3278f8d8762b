import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { NamedTable } from '../../shared/runtime/named-table.ts';
import { WireCounter } from './wire-counter.ts';

/** The counters of all uplinks, by name. */
export class WireTable extends NamedTable<WireCounter> {
  /** Where the figures come from. */
  readonly source: 'kernel' | 'estimate';

  /** @param isPresent whether there is an uplink of this name: those that come and go may be more than `maxUplinks` in time */
  constructor(
    native: NativeSockets | undefined,
    maxUplinks: number,
    isPresent: (name: string) => boolean = () => true,
  ) {
    super(
      maxUplinks,
      () => new WireCounter(native),
      (name, counter) => !isPresent(name) && !counter.isWatching,
    );
    this.source = native === undefined ? 'estimate' : 'kernel';
  }
}
