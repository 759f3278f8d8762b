/** One look at the fleet, so long after the fault. */
export interface Look {
  readonly atMs: number;
  readonly served: number;
  /** Since the last look. */
  readonly begun: number;
  readonly admitted: number;
  readonly failed: number;
}

/** What a fault did. */
export interface Recovery {
  readonly scenario: string;
  /** Whether the clients' back-off was drawn by chance. */
  readonly jitter: boolean;
  readonly clients: number;
  /** Clients that were without a session at some time. */
  readonly affected: number;
  /** Milliseconds after the fault; undefined where it did not come to that in the time of the run. */
  readonly halfBackMs: number | undefined;
  readonly almostAllBackMs: number | undefined;
  readonly allBackMs: number | undefined;
  /** When all uplinks of all clients carried a subflow again, and went on to. */
  readonly wholeMs: number | undefined;
  /** TLS handshakes that begin in a second, over the whole fleet and at the busiest machine: the most in any tenth of a second. */
  readonly peakPerSecond: number;
  readonly peakPerMachine: number;
  readonly handshakes: number;
  readonly failedHandshakes: number;
  /** Of a handshake, for a core. */
  readonly longestWaitMs: number;
  /** Sessions on the machine with most and least of those that are up, at the end. */
  readonly mostSessions: number;
  readonly leastSessions: number;
  readonly looks: readonly Look[];
}

/** Clients that are back when 99 of 100 of the affected are. */
const ALMOST_ALL = 0.99;

/** When so large a share of the affected clients was back, and stayed so. */
export function backAfter(
  looks: readonly Look[],
  clients: number,
  affected: number,
  share: number,
): number | undefined {
  const wanted = clients - Math.floor(affected * (1 - share));
  let atMs: number | undefined;
  for (const look of looks) {
    if (look.served < wanted) atMs = undefined;
    else atMs ??= look.atMs;
  }
  return atMs;
}

/** The three times of {@link Recovery}. */
export function times(looks: readonly Look[], clients: number, affected: number) {
  const after = (share: number) => backAfter(looks, clients, affected, share);
  return { halfBackMs: after(0.5), almostAllBackMs: after(ALMOST_ALL), allBackMs: after(1) };
}
