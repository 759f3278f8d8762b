import { COLLAPSE_TUNING, type CollapseTuning } from './collapse-watch.ts';
import { CONGESTION_TUNING, type ControllerTuning } from './controller-tuning.ts';
import { DOUBT_TUNING } from './doubt.ts';
import { FLAP_TUNING } from './flap-damper.ts';
import type { LivenessTuning } from './liveness.ts';
import { LOSS_TUNING } from './loss-meter.ts';
import { PATH_TUNING } from './path-knowledge.ts';
import type { PathMeterTuning } from './path-meter.ts';
import { PAUSE_TUNING, type PauseTuning } from './pause-detector.ts';
import { PING_TUNING } from './ping-timer.ts';
import { RATE_TUNING } from './rate-estimator.ts';
import { RECEIPT_TUNING, type ReceiptTuning } from './receipt-tracker.ts';
import { RTT_TUNING } from './rtt-estimator.ts';

/** The numbers of a subflow, in groups. */
export interface SubflowTuning extends ControllerTuning, LivenessTuning, PathMeterTuning {
  // An interface of two parents that both have receipts must say which it means.
  readonly receipts: ReceiptTuning;
  readonly pause: PauseTuning;
  readonly collapse: CollapseTuning;
}

export const SUBFLOW_TUNING: SubflowTuning = {
  congestion: CONGESTION_TUNING,
  rate: RATE_TUNING,
  rtt: RTT_TUNING,
  loss: LOSS_TUNING,
  path: PATH_TUNING,
  receipts: RECEIPT_TUNING,
  doubt: DOUBT_TUNING,
  flaps: FLAP_TUNING,
  ping: PING_TUNING,
  pause: PAUSE_TUNING,
  collapse: COLLAPSE_TUNING,
};
