import { RATE_LIMIT_TUNING, type RateLimitTuning } from '../subflow/token-bucket.ts';
import { PARKING_TUNING, type ParkingTuning } from './parking.ts';
import { PATH_SEARCH_TUNING, type PathSearchTuning } from './path-search.ts';
import type { SubflowWishTuning } from './subflow-wish.ts';
import { UTILIZATION_TUNING, type UtilizationTuning } from './utilization.ts';
import { WANTED_SUBFLOWS_TUNING } from './wanted-subflows.ts';

export interface ReviewTuning {
  /** How full and how queued uplinks are is looked at this often, */
  readonly sampleMs: number;
  /** and how many subflows they should have is judged this often. */
  readonly wishMs: number;
}

/** The numbers of an uplink, in groups. */
export interface UplinkTuning {
  readonly rateLimit: RateLimitTuning;
  readonly parking: ParkingTuning;
  readonly wish: SubflowWishTuning;
  readonly utilization: UtilizationTuning;
  readonly pathSearch: PathSearchTuning;
  readonly review: ReviewTuning;
}

export const UPLINK_TUNING: UplinkTuning = {
  rateLimit: RATE_LIMIT_TUNING,
  parking: PARKING_TUNING,
  wish: { ...WANTED_SUBFLOWS_TUNING, queueRtt: 1.5, queueSlackMs: 10, repeatMs: 10_000, lifetimeMs: 30_000 },
  utilization: UTILIZATION_TUNING,
  pathSearch: PATH_SEARCH_TUNING,
  review: { sampleMs: 100, wishMs: 500 },
};
