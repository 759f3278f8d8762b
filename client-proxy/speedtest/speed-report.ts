import type { Direction } from '../measurement/transfer.ts';
import type { Grade } from './responsiveness.ts';
import type { SharedBottleneck } from './shared-bottleneck.ts';

/** What a user asks of a speed test. */
export interface SpeedTestRequest {
  /** These alone, by name; absent: all. */
  readonly uplinks?: readonly string[];
  /** Metered uplinks, too. */
  readonly metered: boolean;
  /** Bytes of payload in all, both directions together. */
  readonly maxBytes: number;
  /** Of each measurement in one direction, at most. */
  readonly measurementMs: number;
}

/** What one measurement in one direction has found. */
export interface LoadFigures {
  /** Of payload; null where all of it came faster than can be told. */
  readonly bitsPerSecond: number | null;
  /** Of payload. */
  readonly bytes: number;
  /** All of them were there so soon that the rate may be higher. */
  readonly isShort: boolean;
  /** Median round trip of new connections meanwhile. */
  readonly loadedMs: number | null;
  /** Round trips a minute under load. */
  readonly rpm: number | null;
  readonly grade: Grade | null;
}

export type BothDirections<Figures> = Readonly<Record<Direction, Figures | null>>;

/** An uplink alone. */
export interface UplinkSpeed {
  readonly name: string;
  readonly state: 'measured' | 'skipped' | 'failed';
  /** Why it was not measured, in words; empty where it was. */
  readonly reason: string;
  readonly isBackup: boolean;
  readonly isMetered: boolean;
  /** Median round trip without load. */
  readonly idleMs: number | null;
  readonly alone: BothDirections<LoadFigures>;
  /** Bits per second while all are measured at once; null where there is nothing beside it. */
  readonly beside: BothDirections<number>;
}

/** All of it, as `--json` prints it. */
export interface SpeedReport {
  /** When it began, milliseconds since 1970. */
  readonly startedMs: number;
  readonly tookMs: number;
  readonly uplinks: readonly UplinkSpeed[];
  /** One stream over the session, as applications have it. */
  readonly aggregate: BothDirections<LoadFigures>;
  /** Median time that a new stream takes to bring its first byte, without load. */
  readonly aggregateIdleMs: number | null;
  /** Why there is no aggregate; empty where there is. */
  readonly aggregateReason: string;
  readonly shared: readonly SharedBottleneck[];
  /** Sentences for a person. */
  readonly advice: readonly string[];
  /** Payload, both directions together. */
  readonly bytes: number;
}

/** What is measured now. */
export interface SpeedProgress {
  readonly phase: 'idle' | 'alone' | 'together' | 'pair' | 'aggregate';
  /** Absent: without load. */
  readonly direction?: Direction;
  readonly uplinks: readonly string[];
  /** Of what is measured now, in the last moments; absent at its beginning. */
  readonly bitsPerSecond?: number | undefined;
  /** Of the whole test, 0 to 1. */
  readonly share: number;
  /** What was found of each uplink so far; absent before the first answer. */
  readonly soFar?: readonly UplinkSpeed[];
}

export const NOT_MEASURED: BothDirections<never> = { down: null, up: null };
