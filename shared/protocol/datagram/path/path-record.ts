/** Round trips are counted up to each of these, in milliseconds. */
export const ROUND_TRIP_BOUNDS_MS = [
  5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 800, 1_200, 2_000,
] as const;

/** How long round trips took. */
export class RoundTrips {
  /** Up to each bound and above the one before; the last: above all of them. */
  readonly counts: number[] = new Array(ROUND_TRIP_BOUNDS_MS.length + 1).fill(0);
  sumMs = 0;

  add(ms: number): void {
    const index = ROUND_TRIP_BOUNDS_MS.findIndex((bound) => ms <= bound);
    this.counts[index < 0 ? ROUND_TRIP_BOUNDS_MS.length : index]!++;
    this.sumMs += ms;
  }

  /** Adds what others have counted. */
  addAll({ counts, sumMs }: RoundTrips): void {
    for (const [index, count] of counts.entries()) this.counts[index]! += count;
    this.sumMs += sumMs;
  }
}

/** What is counted of the paths of one uplink, one after the other, since the session began. */
export class PathRecord {
  /** From the packet that feedback is about until it came, without what the peer has waited with it. */
  readonly roundTrips = new RoundTrips();
  lostPackets = 0;

  /** Adds what another one has counted. */
  addAll({ roundTrips, lostPackets }: PathRecord): void {
    this.roundTrips.addAll(roundTrips);
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
