import { type ErrorName, StreamError } from '../../shared/protocol/errors.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { Rate } from '../../shared/runtime/async/token-bucket.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { TokenBuckets } from './token-buckets.ts';

/**
 * What an open gives back when it has reached its origin. Most of the cost is in those that do not: searches for open ports,
 * names that do not exist, streams that are reset at once. A client that uses what it opens has fifty times the rate.
 */
const REFUND = 0.98;

/** A page of a browser opens some hundred connections at most. */
const BURST_SECONDS = 2.5;

/** The rate of opens. */
export function openRate(perSecond: number): Rate {
  return { perSecond, burst: perSecond * BURST_SECONDS };
}

export interface OpenLineOptions {
  readonly rate: Rate;
  readonly clock: MonotonicClock;
  /** Why the client may open nothing now, if it may not. A refusal costs what an open does that reaches nothing. */
  refuse(clientId: string): ErrorName | undefined;
  /** Called for each open that has to wait. */
  onWait(clientId: string): void;
}

/**
 * Paces the opens of each client: those beyond its rate wait in a line of their own. A line holds streams that are open, which
 * `streamsPerSession` bounds; one that is reset leaves it.
 */
export class OpenLine {
  readonly #buckets: TokenBuckets;
  readonly #options: OpenLineOptions;
  /** Those that have a line: it stays until its timer finds it empty. */
  readonly #lines = new Map<string, Line>();

  constructor(options: OpenLineOptions) {
    this.#options = options;
    this.#buckets = new TokenBuckets(options.rate, options.clock);
  }

  /** Resolves when it is this open's turn. Rejects with the signal's reason, or with StreamError where the client may open nothing then. */
  async enter(clientId: string, signal: CancelSignal): Promise<void> {
    await this.#turn(clientId, signal);
    const refusal = this.#options.refuse(clientId);
    if (refusal !== undefined) throw new StreamError(refusal, 'this client may open no connection now');
  }

  /** An open of this client has reached its origin. */
  onReached(clientId: string): void {
    this.#buckets.of(clientId).giveBack(REFUND);
    const line = this.#lines.get(clientId);
    if (line !== undefined) this.#serve(clientId, line);
  }

  #turn(clientId: string, signal: CancelSignal): Promise<void> {
    const known = this.#lines.get(clientId);
    if (known === undefined && this.#buckets.of(clientId).tryTake()) return Promise.resolve();
    this.#options.onWait(clientId);
    const line = known ?? this.#newLine(clientId);
    return new Promise((resolve, reject) => {
      const onTurn = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = () => {
        line.delete(onTurn);
        reject(signal.reason);
      };
      line.add(onTurn);
      signal.addEventListener('abort', onAbort);
    });
  }

  #newLine(clientId: string): Line {
    const line: Line = new Set();
    this.#lines.set(clientId, line);
    this.#serveLater(clientId, line);
    return line;
  }

  #serve(clientId: string, line: Line): void {
    for (const onTurn of line) {
      if (!this.#buckets.of(clientId).tryTake()) return;
      line.delete(onTurn);
      onTurn();
    }
  }

  #serveLater(clientId: string, line: Line): void {
    const waitMs = Math.ceil(this.#buckets.of(clientId).waitMs);
    setTimeout(() => {
      this.#serve(clientId, line);
      if (line.size > 0) this.#serveLater(clientId, line);
      else this.#lines.delete(clientId);
    }, waitMs);
  }
}

/** Opens that wait, in their order; each is called when it is its turn. */
type Line = Set<() => void>;
