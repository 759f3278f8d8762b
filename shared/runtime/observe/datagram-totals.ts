import { PathRecord } from '../../protocol/datagram/path/path-record.ts';
import type { SessionSnapshot } from '../../protocol/session/snapshot.ts';
import { NamedTable } from '../named-table.ts';
import type { SessionDriver } from '../session/session-driver.ts';

/** What a session is asked for. */
export interface CountedDatagrams extends Partial<Pick<SessionDriver, 'packetDrops'>> {
  snapshot(): Pick<SessionSnapshot, 'datagrams'>;
}

type Counters = SessionSnapshot['datagrams']['counters'];
type CounterName = Exclude<keyof Counters, 'drops'>;

/** Datagrams of sessions, added up. */
export class DatagramSum {
  readonly counters: Partial<Record<CounterName, number>> = {};
  /** By reason. */
  readonly drops: Record<string, number> = {};
  readonly packetDrops: Record<string, number> = {};
  readonly uplinks: NamedTable<PathRecord>;

  constructor(maxUplinks: number) {
    this.uplinks = new NamedTable(maxUplinks, () => new PathRecord());
  }

  add(session: CountedDatagrams): void {
    const { counters, records } = session.snapshot().datagrams;
    const { drops, ...others } = counters;
    addAll(this.counters, others);
    addAll(this.drops, drops);
    addAll(this.packetDrops, session.packetDrops ?? {});
    for (const [name, record] of records) this.uplinks.of(name).addAll(record);
  }

  copy(maxUplinks: number): DatagramSum {
    const copy = new DatagramSum(maxUplinks);
    addAll(copy.counters, this.counters);
    addAll(copy.drops, this.drops);
    addAll(copy.packetDrops, this.packetDrops);
    for (const [name, record] of this.uplinks.entries()) copy.uplinks.of(name).addAll(record);
    return copy;
  }
}

/** Datagrams of all sessions, with those that have ended. */
export class DatagramTotals {
  readonly #maxUplinks: number;
  readonly #ended: DatagramSum;

  constructor(maxUplinks: number) {
    this.#maxUplinks = maxUplinks;
    this.#ended = new DatagramSum(maxUplinks);
  }

  /** A session is over. */
  onSessionEnded(session: CountedDatagrams): void {
    this.#ended.add(session);
  }

  /** Of the ended sessions and of these. */
  total(sessions: Iterable<CountedDatagrams>): DatagramSum {
    const sum = this.#ended.copy(this.#maxUplinks);
    for (const session of sessions) sum.add(session);
    return sum;
  }
}

function addAll(sum: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
}
