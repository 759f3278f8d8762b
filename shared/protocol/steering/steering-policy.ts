import type { SteeringMode } from '../codec/wire.ts';

/** How the segments of one stream are spread over the uplinks, in both directions. Uplinks go by name. */
export interface SteeringPolicy {
  readonly mode: SteeringMode;
  /** The only uplinks that may carry the stream; absent: all. */
  readonly only?: readonly string[];
  /** Preferred first, for `priority` and `active-standby`; those not named come last. */
  readonly order?: readonly string[];
  /** Shares for `weighted`, in any unit; those not named get nothing. */
  readonly weights?: Readonly<Record<string, number>>;
  /** `lowest-latency` leaves an uplink whose round trip is above this. */
  readonly maxRttMs?: number;
  /** And one that loses more than this share, 0 to 1. */
  readonly maxLoss?: number;
}
