import type { PerClient } from '../../shared/runtime/per-client.ts';
import { added, OTHER_CLIENTS, type UsageCount, type UsageTotal } from './usage-count.ts';

/** What a client carries, counted as it happens. */
export interface UsageMeter {
  upBytes: number;
  downBytes: number;
  connections: number;
}

interface Metered {
  readonly meter: UsageMeter;
  /** What was handed on by the last call of `collect`. */
  collected: UsageTotal;
  /** Calls of `collect` in a row that found nothing new, since the client was removed. */
  quietCount: number;
  /** Whether metrics call it by its name. */
  readonly isNamed: boolean;
}

const NOTHING: UsageTotal = { upBytes: 0, downBytes: 0, connections: 0 };
/** A session of a removed client ends within a turn of the event loop, and may count its last bytes until then. */
const QUIET_COUNT = 2;

/** Counts what the clients carry in this process, and hands it on. */
export class UsageMeters implements PerClient {
  readonly #maxNamed: number;
  /** Of clients that have had a session. Those that are removed from the list are forgotten once all of theirs is handed on. */
  readonly #byClient = new Map<string, Metered>();
  #isKnown: (clientId: string) => boolean = () => true;
  #namedCount = 0;
  /** Of clients that were forgotten and had no name in metrics: a counter must not fall. */
  #forgotten: UsageTotal | undefined;

  /** @param maxNamed clients that metrics call by their names, those that came first */
  constructor(maxNamed: number) {
    this.#maxNamed = maxNamed;
  }

  of(client: string): UsageMeter {
    let metered = this.#byClient.get(client);
    if (metered === undefined) {
      const isNamed = this.#namedCount < this.#maxNamed;
      if (isNamed) this.#namedCount++;
      metered = { meter: { ...NOTHING }, collected: NOTHING, quietCount: 0, isNamed };
      this.#byClient.set(client, metered);
    }
    return metered.meter;
  }

  /** The list of clients is another one. */
  keepClients(isKnown: (clientId: string) => boolean): void {
    this.#isKnown = isKnown;
  }

  /** For metrics: what clients have carried since the process began, those with names, and all others together if there are any. */
  *totals(): Generator<readonly [client: string, total: UsageTotal]> {
    let others = this.#forgotten;
    for (const [client, { meter, isNamed }] of this.#byClient) {
      if (isNamed) yield [client, meter];
      else others = added(others, meter);
    }
    if (others !== undefined) yield [OTHER_CLIENTS, others];
  }

  /** What was counted since the last call. Called each second or so. */
  collect(): readonly UsageCount[] {
    const counts: UsageCount[] = [];
    for (const [client, metered] of this.#byClient) {
      const { meter, collected } = metered;
      const upBytes = meter.upBytes - collected.upBytes;
      const downBytes = meter.downBytes - collected.downBytes;
      const connections = meter.connections - collected.connections;
      if (upBytes + downBytes + connections > 0) {
        counts.push({ client, upBytes, downBytes, connections });
        metered.collected = { ...meter };
        metered.quietCount = 0;
      } else if (this.#isKnown(client)) {
        metered.quietCount = 0;
      } else if (++metered.quietCount >= QUIET_COUNT) {
        this.#forget(client, metered);
      }
    }
    return counts;
  }

  #forget(client: string, { meter, isNamed }: Metered): void {
    this.#byClient.delete(client);
    if (isNamed) this.#namedCount--;
    else this.#forgotten = added(this.#forgotten, meter);
  }
}
