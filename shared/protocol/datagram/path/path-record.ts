import { DelayCounts } from '../../delay-counts.ts';

/** Round trips are counted up to each of these, in milliseconds. */
export const ROUND_TRIP_BOUNDS_MS = [
  5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 800, 1_200, 2_000,
] as const;

/** What packets have waited in queues, up to each of these, in milliseconds. From 20 on a call is worse for it. */
export const QUEUEING_BOUNDS_MS = [1, 2, 5, 10, 20, 30, 50, 100, 200, 400, 1_000] as const;

/** What is counted of the paths of one uplink, one after the other, since the session began. */
export class PathRecord {
  /** From the packet that feedback is about until it came, without what the peer has waited with it. */
  readonly roundTrips = new DelayCounts(ROUND_TRIP_BOUNDS_MS);
  /** What of these is more than the smallest of late. */
  readonly queueing = new DelayCounts(QUEUEING_BOUNDS_MS);
  lostPackets = 0;

  /** Adds what another one has counted. */
  addAll({ roundTrips, queueing, lostPackets }: PathRecord): void {
    this.roundTrips.addAll(roundTrips);
    this.queueing.addAll(queueing);
    this.lostPackets += lostPackets;
  }
}

/** Names that a peer may invent are many: further ones share a record. */
const MAX_RECORDS = 64;
const OTHER = 'other';

/** Records by the names of uplinks. They outlive the paths. */
export class PathRecords {
  readonly #byName = new Map<string, PathRecord>();

  of(uplinkName: string): PathRecord {
    const known = this.#byName.get(uplinkName);
    if (known !== undefined) return known;
    if (this.#byName.size >= MAX_RECORDS && uplinkName !== OTHER) return this.of(OTHER);
    const record = new PathRecord();
    this.#byName.set(uplinkName, record);
    return record;
  }

  get all(): ReadonlyMap<string, PathRecord> {
    return this.#byName;
  }
}
