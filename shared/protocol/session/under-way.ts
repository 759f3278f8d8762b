import type { Segment } from '../scheduler/packet-scheduler.ts';
import type { Stream } from '../stream/stream.ts';
import type { LedgerEntry } from '../subflow/ledger.ts';
import type { SentItem, SessionSubflow } from './sent-item.ts';

/** Entries looked at per subflow: what holds a stream up is among the oldest. */
const SEARCH_DEPTH = 256;
/**
 * Subflows and entries looked at in one search, for all streams together: some hundred microseconds. A stream that stands still
 * costs one for each subflow, and some for the entries in front of its own.
 */
export const MAX_SEARCH_STEPS = 8 * 1024;

/** A frame under way that carries a certain byte, and what of it is of interest. */
export interface Carried {
  readonly entry: LedgerEntry<SentItem>;
  readonly segment: Segment;
}

/** Finds the frames under way of any stream. Good for one moment: the ledgers go on. The first search costs a look at the oldest entries of all. */
export class UnderWay {
  readonly #subflows: readonly SessionSubflow[];
  /** Each stream's entries, oldest first, by the subflow they are under way on. */
  #byStream: Map<Stream, Map<SessionSubflow, LedgerEntry<SentItem>[]>> | undefined;
  #stepsLeft = MAX_SEARCH_STEPS;

  constructor(subflows: readonly SessionSubflow[]) {
    this.#subflows = subflows;
  }

  /** Whether it has looked at as much as one search may cost; it finds nothing more then. */
  get isExhausted(): boolean {
    return this.#stepsLeft <= 0;
  }

  /** Something else was looked at for this search. */
  spend(steps: number): void {
    this.#stepsLeft -= steps;
  }

  /** The frame under way on `subflow` that carries the byte at `dsn`, if one of the oldest does. */
  find(stream: Stream, dsn: number, subflow: SessionSubflow): Carried | undefined {
    this.#byStream ??= this.#collect();
    this.#stepsLeft--;
    for (const entry of this.#byStream.get(stream)?.get(subflow) ?? []) {
      if (this.#stepsLeft-- <= 0) return undefined;
      const { item } = entry;
      if (item.kind !== 'data') continue;
      const end = item.dsn + item.length;
      // What lies below `dsn` is delivered, and its memory may have been given back.
      if (item.dsn <= dsn && dsn < end) return { entry, segment: { dsn, length: end - dsn, fin: item.fin } };
    }
    return undefined;
  }

  #collect() {
    const byStream = new Map<Stream, Map<SessionSubflow, LedgerEntry<SentItem>[]>>();
    for (const subflow of this.#subflows) {
      for (const entry of subflow.outbox.ledger.oldestEntries(SEARCH_DEPTH)) {
        const { item } = entry;
        if (item.kind !== 'data') continue;
        const bySubflow = byStream.get(item.stream) ?? new Map<SessionSubflow, LedgerEntry<SentItem>[]>();
        byStream.set(item.stream, bySubflow);
        const entries = bySubflow.get(subflow);
        if (entries === undefined) bySubflow.set(subflow, [entry]);
        else entries.push(entry);
      }
    }
    return byStream;
  }
}
