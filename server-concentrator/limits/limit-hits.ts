import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { keepRecent } from '../../shared/runtime/keep-recent.ts';
import type { ResultCounts } from '../../shared/runtime/observe/result-counts.ts';
import type { ClientLogs } from './client-logs.ts';

/** What is limited, by the key of the configuration where there is one. */
export const LIMIT_NAMES = [
  'sessions',
  'sessionsPerClient',
  'subflowsPerSession',
  'joinsPerSecond',
  'measurementBytesPerHour',
  'measurements',
  'opensPerSecond',
  'dialsPerClient',
  'namesPerClient',
  'publishPerClient',
  'bindsPerClient',
  'visitorsPerClient',
  'visitorsPerSource',
  'visitorsPerSecond',
  'flowsPerClient',
  'associationsPerClient',
  'associations',
  'descriptors',
  'processorShare',
  'quota',
] as const;

export type LimitName = (typeof LIMIT_NAMES)[number];

/** How often a limit made a client wait or refused it something. */
export interface LimitHit {
  readonly limit: LimitName;
  readonly count: number;
  /** The last time, by the clock of the sessions. */
  readonly lastMs: number;
}

/** Clients whose hits are remembered; that which was limited least recently is forgotten. */
const MAX_CLIENTS = 4_096;

/** Tells of each time that a limit made a client wait or refused it something: in the metrics, in the log, and by client. */
export class LimitHits {
  readonly #counts: ResultCounts;
  readonly #logs: ClientLogs;
  readonly #clock: MonotonicClock;
  readonly #byClient = new Map<string, Map<LimitName, LimitHit>>();

  constructor(counts: ResultCounts, logs: ClientLogs, clock: MonotonicClock) {
    this.#counts = counts;
    this.#logs = logs;
    this.#clock = clock;
  }

  note(limit: LimitName, clientId: string): void {
    this.#counts.add(limit);
    this.#logs.of(clientId).info({}, `limit reached: ${limit}`);
    const own = this.#byClient.get(clientId) ?? new Map<LimitName, LimitHit>();
    own.set(limit, { limit, count: (own.get(limit)?.count ?? 0) + 1, lastMs: this.#clock() });
    keepRecent(this.#byClient, clientId, own, MAX_CLIENTS);
  }

  /** Of one client, since the program began. */
  of(clientId: string): readonly LimitHit[] {
    return [...(this.#byClient.get(clientId)?.values() ?? [])];
  }
}
