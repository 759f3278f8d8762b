import type { KernelMeasurement } from '../kernel-measurement.ts';
import type { Now } from '../now.ts';
import type { ControllerTuning } from './controller-tuning.ts';
import type { PathMeter } from './path-meter.ts';
import type { SendState } from './send-state.ts';

/** What a receipt says to a controller. */
export interface ReceiptSample {
  /** All that is delivered on the subflow. */
  readonly totalBytes: number;
  /** The last frame that it covers whole; undefined where that says nothing of the path. */
  readonly newest: SendState | undefined;
  /** Bytes per second, where data that was stuck in a doubt has drained and has shown the path's rate. */
  readonly drainBytesPerSecond: number | undefined;
}

/** The facts about a subflow's uplink that its controller may read. */
export interface ControlledUplink {
  readonly bucket: { readonly bytesPerSecond: number } | undefined;
  /** Datagrams of a call leave on it: little is to be queued there. */
  readonly hasCall: boolean;
}

/** The facts about its subflow that a controller may read. */
export interface ControlledSubflow {
  readonly outbox: { readonly ledger: { readonly writtenBytes: number; readonly inFlightBytes: number } };
  readonly meter: PathMeter;
  readonly uplink: ControlledUplink;
}

/**
 * How much one subflow may have in flight, and how fast it is believed to be. Rates are bytes per second. The subflow tells it
 * of everything that is sent, receipted and measured, in the order in which it happens.
 */
export interface CongestionController {
  /** The largest rate of the last round trips; 0 before the first sample. */
  readonly bytesPerSecond: number;
  /** The rate of the last round trip or so: follows a collapse that the largest hides. */
  readonly recentBytesPerSecond: number;
  /** The best guess of what the subflow delivers, also before it was ever kept busy. */
  readonly expectedBytesPerSecond: number;
  /** Whether the rate was measured while the subflow was kept busy, and is no guess. */
  readonly isProven: boolean;
  /** Whether the rate still grows: the subflow was never kept busy until it stopped growing. */
  readonly isGrowing: boolean;
  /** Most bytes that may be written and not receipted. */
  readonly inFlightLimitBytes: number;
  /** Most bytes that one write may carry, so that the next choice can differ. */
  readonly commitBytes: number;
  /** Most bytes of one segment. */
  readonly segmentBytes: number;

  /** A frame is written now. @param isIdle nothing else is in flight */
  onSent(isIdle: boolean): SendState;
  onReceipt(sample: ReceiptSample): void;
  onKernel(kernel: KernelMeasurement): void;
  /** Payload has arrived on the subflow: the other direction is in use. */
  onArrival(bytes: number): void;
  /** There was room for more than there was to send. */
  onApplicationLimited(): void;
  /** The path has stood still for so long, and goes on as it was. */
  onPauseEnd(pauseMs: number): void;
  /** The path may be another one than before: it came back from a doubt. */
  onPathChanged(): void;
}

export type MakeCongestionController = (
  subflow: ControlledSubflow,
  now: Now,
  tuning: ControllerTuning,
) => CongestionController;
