import { percentile } from '../../lab/statistics.ts';

/** A datagram that came. Times by the machine's one monotonic clock. */
export interface DatagramArrival {
  readonly sequence: number;
  readonly sentMs: number;
  readonly receivedMs: number;
}

/** One direction of a call: sequences 0 to `sent` - 1 left, and these came, in this order. */
export interface FlowRecord {
  readonly sent: number;
  readonly arrivals: readonly DatagramArrival[];
}

/** What an application notices of one direction of a call. */
export interface FlowFigures {
  readonly sent: number;
  /** Of those sent. */
  readonly lossShare: number;
  /** One way, of those that came. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Longest time without a datagram, from the first to the last. */
  readonly longestGapMs: number;
  /** Those before which more than {@link REORDERED_BEYOND} later ones came, of all that came. */
  readonly reorderedShare: number;
  /** Datagrams that came again. */
  readonly repeats: number;
}

/** Receivers take a datagram that is late by no more as in order; TCP waits for as many. */
export const REORDERED_BEYOND = 3;

/** The figures of one direction of a call. */
export function flowFigures({ sent, arrivals }: FlowRecord): FlowFigures {
  const seen = new Set<number>();
  const delays: number[] = [];
  const later = new LatestSequences(REORDERED_BEYOND + 1);
  let reordered = 0;
  let longestGapMs = 0;
  let lastMs: number | undefined;
  for (const { sequence, sentMs, receivedMs } of arrivals) {
    if (seen.has(sequence)) continue;
    seen.add(sequence);
    delays.push(receivedMs - sentMs);
    if (lastMs !== undefined) longestGapMs = Math.max(longestGapMs, receivedMs - lastMs);
    lastMs = receivedMs;
    if (later.areAllAbove(sequence)) reordered++;
    later.add(sequence);
  }
  return {
    sent,
    // What never began is lost, too: the origin's direction begins with the first datagram that reaches it.
    lossShare: sent === 0 ? 1 : 1 - seen.size / sent,
    p50Ms: percentile(delays, 0.5),
    p95Ms: percentile(delays, 0.95),
    p99Ms: percentile(delays, 0.99),
    longestGapMs,
    reorderedShare: seen.size === 0 ? 0 : reordered / seen.size,
    repeats: arrivals.length - seen.size,
  };
}

/** The highest sequences so far, as many as matter. */
class LatestSequences {
  readonly #room: number;
  /** Ascending. */
  readonly #highest: number[] = [];

  constructor(room: number) {
    this.#room = room;
  }

  /** Whether there are as many as there is room for, and each is above this one. */
  areAllAbove(sequence: number): boolean {
    return this.#highest.length === this.#room && this.#highest[0]! > sequence;
  }

  add(sequence: number): void {
    this.#highest.push(sequence);
    this.#highest.sort((a, b) => a - b);
    if (this.#highest.length > this.#room) this.#highest.shift();
  }
}
