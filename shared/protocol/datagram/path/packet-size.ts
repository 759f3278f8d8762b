import type { Now } from '../../now.ts';

export interface PacketSizeTuning {
  /** Each length is tried so often before it is taken for too long, */
  readonly tries: number;
  /** again after so long, */
  readonly retryMs: number;
  /** and all over again after this: routes change. RFC 8899 section 5.1.1 has the same. */
  readonly raiseMs: number;
  /** So many packets longer than the base, or the least, in a row, and none that arrived: the path takes less than it did. */
  readonly lostInRow: number;
}

export const PACKET_SIZE_TUNING: PacketSizeTuning = {
  tries: 3,
  retryMs: 500,
  raiseMs: 600_000,
  lostInRow: 6,
};

/** Before any was tried: RFC 9000 section 14 takes it for granted. */
const BASE_PACKET_BYTES = 1200;
/** Any path carries it (RFC 791: 576 bytes, less 60 of IPv4 and 8 of UDP), and no length below is tried. */
export const LEAST_PACKET_BYTES = 508;
/**
 * UDP payloads that are tried, the longest first: Ethernet by IPv4 and IPv6, PPPoE by both, common tunnels (WireGuard 1420, GRE and
 * IPsec), the least of IPv6.
 */
const CANDIDATES = [1472, 1452, 1444, 1432, 1392, 1352, 1280, 1232, BASE_PACKET_BYTES, 1000];
const LONGEST = Math.max(...CANDIDATES);
const SHORTEST = Math.min(...CANDIDATES);

/** What a path is taken to carry when longer packets are lost, the longest first. */
const FALL_TO = [BASE_PACKET_BYTES, LEAST_PACKET_BYTES] as const;

/** How long the packets of one path may be: packetization layer path MTU discovery (RFC 8899). */
export class PacketSize {
  readonly #now: Now;
  readonly #tuning: PacketSizeTuning;
  /** Known to pass. */
  #passes = LEAST_PACKET_BYTES;
  /** The base is taken on trust, whatever shorter ones have arrived: it was not tried in vain yet. */
  #isOnTrust = true;
  /** Below what the interface refuses. */
  #most = LONGEST;
  /** Those of this round, by length. */
  #round: { readonly tries: number; readonly dueMs: number } | undefined;
  #isStarted = false;
  #raiseMs = Number.POSITIVE_INFINITY;
  /** Of packets that are longer than each of FALL_TO, and not than the one before. */
  readonly #lostInRow = { [BASE_PACKET_BYTES]: 0, [LEAST_PACKET_BYTES]: 0 };

  constructor(now: Now, tuning: PacketSizeTuning = PACKET_SIZE_TUNING) {
    this.#now = now;
    this.#tuning = tuning;
  }

  get bytes(): number {
    const bytes = this.#isOnTrust ? Math.max(this.#passes, BASE_PACKET_BYTES) : this.#passes;
    return Math.min(bytes, this.#most);
  }

  /** When `takeProbes` has something. */
  get nextMs(): number {
    return Math.min(this.#round?.dueMs ?? Number.POSITIVE_INFINITY, this.#raiseMs);
  }

  /** Packets pass: it is time to find out which. Without effect later. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#begin();
  }

  /** The lengths to be tried now. */
  takeProbes(): readonly number[] {
    const nowMs = this.#now.ms;
    if (nowMs >= this.#raiseMs) {
      // The interface may have changed, too.
      this.#most = LONGEST;
      this.#begin();
    }
    const round = this.#round;
    if (round === undefined || nowMs < round.dueMs) return [];
    // The shortest one has arrived by now, and the base, which left with it, has not.
    if (round.tries > 0 && this.#passes >= SHORTEST) this.#isOnTrust = false;
    const longer = CANDIDATES.filter((bytes) => bytes > this.#passes && bytes <= this.#most);
    if (longer.length === 0 || round.tries === this.#tuning.tries) {
      this.#end();
      return [];
    }
    this.#round = { tries: round.tries + 1, dueMs: nowMs + this.#tuning.retryMs };
    return longer;
  }

  /** A packet of this length has arrived. */
  onArrived(bytes: number): void {
    for (const below of FALL_TO) if (bytes > below) this.#lostInRow[below] = 0;
    if (this.#isStarted && bytes > this.#passes) this.#passes = bytes;
  }

  /** Others that were sent later have. */
  onLost(bytes: number): void {
    const below = FALL_TO.find((one) => bytes > one);
    // Not the probes: they are longer.
    if (below === undefined || bytes > this.bytes) return;
    if (++this.#lostInRow[below] < this.#tuning.lostInRow) return;
    this.#lostInRow[below] = 0;
    this.#passes = below;
    this.#isOnTrust = false;
    // It may have been a pause: what passes is found out again, when that is over.
    this.#begin(this.#tuning.retryMs);
  }

  /** The kernel took none of this length. */
  onTooLong(bytes: number): void {
    const below = CANDIDATES.filter((candidate) => candidate < bytes);
    this.#most = Math.min(this.#most, below[0] ?? LEAST_PACKET_BYTES);
    this.#passes = Math.min(this.#passes, this.#most);
  }

  #begin(inMs = 0): void {
    this.#raiseMs = Number.POSITIVE_INFINITY;
    this.#round = { tries: 0, dueMs: this.#now.ms + inMs };
  }

  /** What has not arrived by now is too long. */
  #end(): void {
    this.#round = undefined;
    this.#isOnTrust = false;
    this.#raiseMs = this.#now.ms + this.#tuning.raiseMs;
  }
}
