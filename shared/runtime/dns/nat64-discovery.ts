import dns from 'node:dns';
import { NAT64_NAME, type Nat64Prefix, nat64Prefixes } from '../address/nat64.ts';
import { atMost } from '../async/at-most.ts';
import type { CancelSignal } from '../async/cancellation.ts';
import type { MonotonicClock } from '../clock.ts';
import type { DnsRecord } from './dns-message.ts';

/** How long connections wait for the first answer. */
const FIRST_ANSWER_MS = 1_000;
/** What a prefix is remembered for at least and at most, whatever its time to live. */
const MIN_AGE_MS = 60_000;
const MAX_AGE_MS = 24 * 3_600_000;
/** A network that has no translator is not likely to get one. */
const NONE_AGE_MS = 10 * 60_000;
/** After name servers that did not answer, or failed. */
const RETRY_MS = 2_000;

/** Finds the prefixes of a network's translators from IPv6 to IPv4 by its name servers (RFC 7050), and remembers them. */
export class Nat64Discovery {
  readonly #ask: (name: string) => Promise<readonly DnsRecord[]>;
  readonly #clock: MonotonicClock;
  #known: readonly Nat64Prefix[] = [];
  #hasTried = false;
  #dueMs = Number.NEGATIVE_INFINITY;
  #pending: Promise<void> | undefined;

  /** @param ask the IPv6 addresses of a name; rejects with c-ares' codes */
  constructor(ask: (name: string) => Promise<readonly DnsRecord[]>, clock: MonotonicClock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** Those that were found last. */
  get known(): readonly Nat64Prefix[] {
    return this.#known;
  }

  /**
   * The prefixes. Waits for name servers, a second at most, the first time; later only where nothing can be reached without a
   * prefix and none is known. Never rejects.
   */
  async current(isNeeded: boolean, signal: CancelSignal): Promise<readonly Nat64Prefix[]> {
    if (this.#clock() >= this.#dueMs) {
      this.#pending ??= this.#refresh().finally(() => {
        this.#pending = undefined;
      });
    }
    const mustWait = !this.#hasTried || (isNeeded && this.#known.length === 0);
    if (mustWait && this.#pending !== undefined) await atMost(FIRST_ANSWER_MS, this.#pending, signal);
    return this.#known;
  }

  async #refresh(): Promise<void> {
    try {
      const records = await this.#ask(NAT64_NAME);
      const ttlMs = 1_000 * Math.min(...records.map(({ ttl }) => ttl));
      this.#learn(nat64Prefixes(records.map(({ value }) => value)), ttlMs);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === dns.NODATA || code === dns.NOTFOUND) this.#learn([], NONE_AGE_MS);
      else this.#dueMs = this.#clock() + RETRY_MS;
    } finally {
      this.#hasTried = true;
    }
  }

  #learn(prefixes: readonly Nat64Prefix[], ageMs: number): void {
    this.#known = prefixes;
    this.#dueMs = this.#clock() + Math.min(MAX_AGE_MS, Math.max(MIN_AGE_MS, ageMs));
  }
}
