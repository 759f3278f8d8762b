/** Stands for all clients that are not named one by one; no client's name has a blank. */
export const OTHER_CLIENTS = 'all others';

/** What one client has carried; both directions are the client's own. */
export interface UsageTotal {
  readonly upBytes: number;
  readonly downBytes: number;
  readonly connections: number;
}

/** What is to be added for a client. Plain data, so that another process can send it. */
export interface UsageCount extends UsageTotal {
  readonly client: string;
}

/** What is written in one step, and counts once however often it is tried. */
export interface UsageBatch {
  /** Who writes: a UUID. */
  readonly writer: string;
  /** Of this writer, growing. */
  readonly number: number;
  /** UTC, `2026-11-29T13`. */
  readonly hour: string;
  readonly counts: readonly UsageCount[];
}

/** The hour in UTC. @param ms milliseconds since 1970 */
export function hourOf(ms: number): string {
  return new Date(Math.min(MAX_MS, Math.max(0, ms))).toISOString().slice(0, 13);
}

/**
 * The month in UTC, `2026-11`: it begins at the same moment for all machines of a fleet, wherever they stand, and no hour of it is
 * there twice or not at all.
 */
export function monthOf(ms: number): string {
  return hourOf(ms).slice(0, 7);
}

/** The end of the year 9999: a clock may be wrong, and a later one has no such text. */
const MAX_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

export function added(one: UsageTotal | undefined, other: UsageTotal): UsageTotal {
  return {
    upBytes: (one?.upBytes ?? 0) + other.upBytes,
    downBytes: (one?.downBytes ?? 0) + other.downBytes,
    connections: (one?.connections ?? 0) + other.connections,
  };
}
