import type { PathRecord } from '../../protocol/datagram/path/path-record.ts';
import type { SessionSnapshot } from '../../protocol/session/snapshot.ts';
import type { PacketDrop } from '../datagram/session-packets.ts';
import { NamedTable } from '../named-table.ts';

/** What a session is asked for. */
export interface CountedDatagrams {
  snapshot(): Pick<SessionSnapshot, 'datagrams'>;
  /** Absent where it has no packets. */
  readonly packetDrops?: Readonly<Record<PacketDrop, number>> | undefined;
}

type Counters = SessionSnapshot['datagrams']['counters'];
type CounterName = Exclude<keyof Counters, 'drops'>;

/** What the paths of one uplink have met. */
export interface UplinkRecord {
  lostPackets: number;
  /** See `ROUND_TRIP_BOUNDS_MS`. */
  roundTrips: { counts: number[]; sumMs: number };
}

/** Datagrams of sessions, added up. */
export class DatagramSum {
  readonly counters: Partial<Record<CounterName, number>> = {};
  /** By reason. */
  readonly drops: Record<string, number> = {};
  readonly packetDrops: Record<string, number> = {};
  readonly uplinks: NamedTable<UplinkRecord>;

  constructor(maxUplinks: number) {
    this.uplinks = new NamedTable(maxUplinks, () => ({
      lostPackets: 0,
      roundTrips: { counts: [], sumMs: 0 },
    }));
  }

  add(session: CountedDatagrams): void {
    const { counters, records } = session.snapshot().datagrams;
    const { drops, ...others } = counters;
    addAll(this.counters, others);
    addAll(this.drops, drops);
    addAll(this.packetDrops, session.packetDrops ?? {});
    for (const [name, record] of records) addRecord(this.uplinks.of(name), record);
  }

  copy(maxUplinks: number): DatagramSum {
    const copy = new DatagramSum(maxUplinks);
    addAll(copy.counters, this.counters);
    addAll(copy.drops, this.drops);
    addAll(copy.packetDrops, this.packetDrops);
    for (const [name, record] of this.uplinks.entries()) addRecord(copy.uplinks.of(name), record);
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

function addRecord(
  sum: UplinkRecord,
  {
    lostPackets,
    roundTrips,
  }: Pick<PathRecord, 'lostPackets'> & { readonly roundTrips: UplinkRecord['roundTrips'] },
): void {
  sum.lostPackets += lostPackets;
  sum.roundTrips.sumMs += roundTrips.sumMs;
  for (const [index, count] of roundTrips.counts.entries()) {
    sum.roundTrips.counts[index] = (sum.roundTrips.counts[index] ?? 0) + count;
  }
}
