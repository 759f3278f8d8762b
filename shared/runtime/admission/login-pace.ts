import type { MonotonicClock } from '../clock.ts';
import { keepRecent } from '../keep-recent.ts';
import { sourceOf } from './source.ts';
import { isThisMachine } from './this-machine.ts';

/** What one wrong login costs those who come from the same address; a person who has mistyped hardly notices. */
const INTERVAL_MS = 1_000;
/** What it costs all of this machine, where everybody has 16 million loopback addresses. */
const LOCAL_INTERVAL_MS = 100;
/** Who would have to wait longer is turned away: with half of the usual time for negotiation some is left for the rest. */
const MAX_WAIT_MS = 5_000;
/** Addresses that are remembered. The one that failed least recently is forgotten, and gets one attempt more. */
const MAX_SOURCES = 4_096;

interface Turn {
  readonly source: string;
  readonly intervalMs: number;
}

/**
 * Slows down whoever guesses passwords. After a wrong login, logins from the same address (of IPv6, the same /64) are checked one
 * by one, a second apart; those of all loopback addresses together, a tenth of a second apart. Without a wrong login nobody
 * waits, and nobody waits for another address.
 */
export class LoginPace {
  readonly #clock: MonotonicClock;
  /** By source, until when its next login has to wait; the one that was changed least recently comes first. */
  readonly #untilMs = new Map<string, number>();

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  /**
   * A login has come from an address. @returns after how many milliseconds it may be checked, or undefined if it must not be,
   * because too many wait already
   */
  reserve(address: string): number | undefined {
    const nowMs = this.#clock();
    const turns = turnsOf(address);
    const waitMs = Math.max(...turns.map(({ source }) => this.#untilOf(source, nowMs) - nowMs));
    if (waitMs > MAX_WAIT_MS) return undefined;
    for (const { source, intervalMs } of turns) this.#set(source, this.#untilOf(source, nowMs) + intervalMs);
    return waitMs;
  }

  /** A login for which `reserve` was called has been checked, and was right: nobody waits for it. */
  onRight(address: string): void {
    for (const { source, intervalMs } of turnsOf(address)) {
      const untilMs = this.#untilMs.get(source);
      if (untilMs !== undefined) this.#set(source, untilMs - intervalMs);
    }
  }

  #untilOf(source: string, nowMs: number): number {
    return Math.max(nowMs, this.#untilMs.get(source) ?? nowMs);
  }

  #set(source: string, untilMs: number): void {
    if (untilMs <= this.#clock()) this.#untilMs.delete(source);
    else keepRecent(this.#untilMs, source, untilMs, MAX_SOURCES);
  }
}

function turnsOf(address: string): readonly Turn[] {
  const source = sourceOf(address);
  const own = { source: source.host, intervalMs: INTERVAL_MS };
  return isThisMachine(source) ? [own, { source: 'this machine', intervalMs: LOCAL_INTERVAL_MS }] : [own];
}
