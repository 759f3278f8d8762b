import type { MonotonicClock } from '../clock.ts';
import { keepRecent } from '../keep-recent.ts';
import { DecayingCount } from './decaying-count.ts';
import type { Visitor } from './fair-places.ts';

export interface TlsTurnsOptions<Guest> {
  readonly clock: MonotonicClock;
  /** TLS handshakes that may begin in a second. Each takes up to a millisecond of the one core that carries all traffic. */
  readonly perSecond: number;
  /** It is the turn of one that stood in line. */
  onTurn(guest: Guest): void;
}

/**
 * Of all handshakes of a second: half for everybody, half kept for hosts that have proven themselves lately. Strangers get of the
 * latter what would be left over.
 */
const RESERVED_SHARE = 1 / 2;
/** Of both, so much of a second's worth may begin at once: no more than delays other traffic by a few tens of milliseconds. */
const BURST_S = 1 / 8;
/** Shares of one source, and for how long it may save them up: clients behind one address come back together. */
const HOST_SHARE = 1 / 16;
const NETWORK_SHARE = 1 / 8;
const PROVEN_HOST_SHARE = 1 / 4;
const SOURCE_BURST_S = 4;
/** A line is served this often. */
const SERVE_MS = 10;
/** Hosts and networks whose handshakes are remembered; the least recent is forgotten, and begins anew. */
const MAX_COUNTS = 16_384;

interface Waiting {
  readonly isProven: boolean;
  readonly host: DecayingCount;
  readonly network: DecayingCount;
}

/**
 * Says when a TLS handshake may begin. Who cannot begin at once stands in line; then it is the turn of the one whose network, and
 * host in it, began the fewest of late. The caller bounds the line.
 */
export class TlsTurns<Guest> {
  readonly #options: TlsTurnsOptions<Guest>;
  readonly #common = new DecayingCount();
  readonly #reserve = new DecayingCount();
  /** By prefix, the least recently used first. */
  readonly #counts = new Map<string, DecayingCount>();
  readonly #line = new Map<Guest, Waiting>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TlsTurnsOptions<Guest>) {
    this.#options = options;
  }

  /** Whether it may begin now. If not, it stands in line, and `onTurn` comes. */
  request(guest: Guest, { source, isProven }: Visitor): boolean {
    const waiting = {
      isProven,
      host: this.#countOf(source.host),
      network: this.#countOf(source.network),
    };
    const nowMs = this.#options.clock();
    if (this.#line.size === 0 && this.#mayBegin(waiting, nowMs)) {
      this.#count(waiting, nowMs);
      return true;
    }
    this.#line.set(guest, waiting);
    this.#timer ??= setTimeout(() => this.#serve(), SERVE_MS);
    return false;
  }

  /** It stands in line no more. */
  leave(guest: Guest): void {
    this.#line.delete(guest);
  }

  /** Nobody has a turn any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#line.clear();
  }

  #serve(): void {
    this.#timer = undefined;
    const nowMs = this.#options.clock();
    for (let next = this.#next(nowMs); next !== undefined; next = this.#next(nowMs)) {
      this.#count(this.#line.get(next)!, nowMs);
      this.#line.delete(next);
      this.#options.onTurn(next);
    }
    if (this.#line.size > 0) this.#timer = setTimeout(() => this.#serve(), SERVE_MS);
  }

  #next(nowMs: number): Guest | undefined {
    if (!this.#hasCommon(nowMs) && !this.#hasReserve(nowMs)) return undefined;
    let best: Guest | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [guest, waiting] of this.#line) {
      if (!this.#mayBegin(waiting, nowMs)) continue;
      const load = loadOf(waiting, nowMs);
      if (load >= least) continue;
      best = guest;
      least = load;
    }
    return best;
  }

  #mayBegin({ isProven, host, network }: Waiting, nowMs: number): boolean {
    if (isProven && !this.#hasShare(host, PROVEN_HOST_SHARE, nowMs)) return false;
    if (!isProven && !this.#hasShare(host, HOST_SHARE, nowMs)) return false;
    if (!isProven && !this.#hasShare(network, NETWORK_SHARE, nowMs)) return false;
    return this.#hasCommon(nowMs) || (isProven ? this.#hasReserve(nowMs) : this.#isReserveFull(nowMs));
  }

  #count({ isProven, host, network }: Waiting, nowMs: number): void {
    const { perSecond } = this.#options;
    const isReserved = isProven ? this.#hasReserve(nowMs) : !this.#hasCommon(nowMs);
    if (isReserved) this.#reserve.add(nowMs, perSecond * RESERVED_SHARE);
    else this.#common.add(nowMs, perSecond * (1 - RESERVED_SHARE));
    host.add(nowMs, perSecond * (isProven ? PROVEN_HOST_SHARE : HOST_SHARE));
    if (!isProven) network.add(nowMs, perSecond * NETWORK_SHARE);
  }

  #hasCommon(nowMs: number): boolean {
    return this.#hasRoom(this.#common, 1 - RESERVED_SHARE, nowMs);
  }

  /** Nobody would miss one of it. */
  #isReserveFull(nowMs: number): boolean {
    return this.#reserve.at(nowMs, this.#options.perSecond * RESERVED_SHARE) === 0;
  }

  #hasReserve(nowMs: number): boolean {
    return this.#hasRoom(this.#reserve, RESERVED_SHARE, nowMs);
  }

  #hasRoom(count: DecayingCount, share: number, nowMs: number): boolean {
    const { perSecond } = this.#options;
    return count.at(nowMs, perSecond * share) + 1 <= Math.max(1, perSecond * share * BURST_S);
  }

  #hasShare(count: DecayingCount, share: number, nowMs: number): boolean {
    const perSecond = this.#options.perSecond * share;
    return count.at(nowMs, perSecond) + 1 <= Math.max(1, perSecond * SOURCE_BURST_S);
  }

  #countOf(prefix: string): DecayingCount {
    const count = this.#counts.get(prefix) ?? new DecayingCount();
    keepRecent(this.#counts, prefix, count, MAX_COUNTS);
    return count;
  }
}

/** How much a source has begun of late. Between hosts of one network, the host decides. */
function loadOf({ isProven, host, network }: Waiting, nowMs: number): number {
  const ofHost = host.recentAt(nowMs);
  return isProven ? ofHost : network.recentAt(nowMs) + ofHost / HOST_WEIGHS_LESS;
}

const HOST_WEIGHS_LESS = 1_000;
