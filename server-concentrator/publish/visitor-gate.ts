import { isIP } from 'node:net';
import { AddressRanges } from '../../shared/runtime/address/address-ranges.ts';
import { sourceOf } from '../../shared/runtime/admission/source.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import type { LimitName } from '../limits/limit-hits.ts';
import { TokenBuckets } from '../limits/token-buckets.ts';

export interface VisitorGateOptions {
  /** Of one client: visitors of all its ports at a time, and new ones in a second. */
  readonly limits: { readonly visitorsPerClient: number; readonly visitorsPerSecond: number };
  readonly clock: MonotonicClock;
  /** Whether the process may use another descriptor. */
  hasDescriptor(): boolean;
  onLimit(limit: LimitName, clientId: string): void;
}

/** Which visitors may come: from these ranges, and not from those. */
export interface VisitorRanges {
  readonly allow: AddressRanges;
  readonly deny: AddressRanges;
}

/** The ranges of the configuration, which are in canonical text. */
export function visitorRanges({ allow, deny }: ConcentratorConfig['visitors']): VisitorRanges {
  return { allow: new AddressRanges(allow), deny: new AddressRanges(deny) };
}

/** What one source (an IPv4 address, a /64 of IPv6) may have of a client's places: the others keep half. */
const SOURCE_SHARE = 1 / 2;
/** A crowd that comes at once, as after a restart of the service. */
const BURST_SECONDS = 5;

interface Held {
  count: number;
  readonly bySource: Map<string, number>;
}

/** Bounds the visitors of each client: where they come from, how many there are, of each source, and how fast they come. */
export class VisitorGate {
  readonly #options: VisitorGateOptions;
  readonly #rates: TokenBuckets;
  /** Of clients that have visitors now. */
  readonly #held = new Map<string, Held>();
  #ranges: VisitorRanges;

  constructor(options: VisitorGateOptions, ranges: VisitorRanges) {
    const { limits, clock } = options;
    this.#options = options;
    this.#ranges = ranges;
    const perSecond = limits.visitorsPerSecond;
    this.#rates = new TokenBuckets({ perSecond, burst: perSecond * BURST_SECONDS }, clock);
  }

  /** For visitors from now on. */
  setRanges(ranges: VisitorRanges): void {
    this.#ranges = ranges;
  }

  /** Whether visitors may come from an address. */
  allows(address: string): boolean {
    const { allow, deny } = this.#ranges;
    // One that is gone again has no address any more.
    return isIP(address) !== 0 && !deny.has(address) && (allow.isEmpty || allow.has(address));
  }

  /** Takes a place. @returns how to give it back, once; or why there is none */
  enter(clientId: string, address: string): (() => void) | 'not-allowed' | 'limit' {
    if (!this.allows(address)) return 'not-allowed';
    const held = this.#held.get(clientId) ?? { count: 0, bySource: new Map<string, number>() };
    const source = sourceOf(address).host;
    const limit = this.#limitReached(clientId, held, source);
    if (limit !== undefined) {
      this.#options.onLimit(limit, clientId);
      return 'limit';
    }
    this.#held.set(clientId, held);
    held.count++;
    held.bySource.set(source, (held.bySource.get(source) ?? 0) + 1);
    return () => this.#leave(clientId, held, source);
  }

  #limitReached(clientId: string, held: Held, source: string): LimitName | undefined {
    const { limits, hasDescriptor } = this.#options;
    const most = limits.visitorsPerClient;
    if (held.count >= most) return 'visitorsPerClient';
    if ((held.bySource.get(source) ?? 0) >= Math.ceil(most * SOURCE_SHARE)) return 'visitorsPerSource';
    if (!hasDescriptor()) return 'descriptors';
    return this.#rates.of(clientId).tryTake() ? undefined : 'visitorsPerSecond';
  }

  #leave(clientId: string, held: Held, source: string): void {
    const left = held.bySource.get(source)! - 1;
    if (left === 0) held.bySource.delete(source);
    else held.bySource.set(source, left);
    if (--held.count === 0) this.#held.delete(clientId);
  }
}
