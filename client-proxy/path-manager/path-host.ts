import type { Destination } from '../../shared/protocol/destination.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { DialHost } from './dial-attempt.ts';

/** What a path asks of the session whose subflows it dials. */
export interface PathHost extends DialHost {
  readonly uplinkName: string;
  readonly logger: LineLog;
  readonly clock: MonotonicClock;
  /** Whether every dial costs. */
  isMetered(): boolean;
  /** Whether the session carries so much that what a dial costs is nothing beside it. */
  isBusy(): boolean;
  /** Takes a subflow out of use, in good order. */
  retire(subflowId: number): void;
  /** Closes a subflow now. */
  remove(subflowId: number): void;
  /** Whether packets of full length, which had vanished on the way of a subflow, may be tried again. */
  isTrialDue(address: Destination, subflowId: number): boolean;
  /** They are. */
  onTrial(address: Destination, subflowId: number): void;
  onDial(result: 'ok' | 'failed'): void;
  /** A subflow more or less, or a dial that failed. */
  onChange(): void;
}
