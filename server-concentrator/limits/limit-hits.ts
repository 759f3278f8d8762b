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
] as const;

export type LimitName = (typeof LIMIT_NAMES)[number];

/** Tells of each time that a limit made a client wait or refused it something: in the metrics and in the log. */
export class LimitHits {
  readonly #counts: ResultCounts;
  readonly #logs: ClientLogs;

  constructor(counts: ResultCounts, logs: ClientLogs) {
    this.#counts = counts;
    this.#logs = logs;
  }

  note(limit: LimitName, clientId: string): void {
    this.#counts.add(limit);
    this.#logs.of(clientId).info({}, `limit reached: ${limit}`);
  }
}
