import type { RateLimit } from '../../shared/protocol/uplink/rate-limit.ts';
import type { Uplink } from '../uplink/uplink.ts';
import type { SubflowsPerPath } from './subflow-bound.ts';

/** When the subflows of a backup are made: beforehand, so that it takes over at once, or when nothing else works. */
export const STANDBY_MODES = ['make-before-break', 'break-before-make'] as const;
export type StandbyMode = (typeof STANDBY_MODES)[number];

/** An uplink, and when and how often it is dialled. */
export interface DialledUplink extends Uplink {
  /** The kernel's congestion control for its subflows, such as `bbr`; BBR where allowed when absent. */
  readonly congestionControl?: string;
  /** By default `auto`. */
  readonly subflowsPerPath?: SubflowsPerPath;
  /** Why it is a backup now, for people; absent where it is one always. */
  readonly backupReason?: string;
  /** By default `make-before-break`. */
  readonly standby?: StandbyMode;
  /** It is dialled only while the others are this full, 0 to 1, or none of them works. Absent: always. */
  readonly joinAboveUtilization?: number;
  /** Most that it may carry. Absent: what it can. */
  readonly rateLimit?: RateLimit;
  /** Its session is only kept ready: it needs no UDP path. */
  readonly isStanding?: true;
}
