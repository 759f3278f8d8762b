import type { RateTuning } from './rate-estimator.ts';
import type { ReceiptTuning } from './receipt-tracker.ts';
import type { RttTuning } from './rtt-estimator.ts';

export interface CongestionTuning {
  /** How long what a subflow is given at once takes to leave: commit late, so that the next choice can differ. */
  readonly commitMs: number;
  readonly minCommitBytes: number;
  /** On a fast subflow a write ends with the frame that passes this: one long frame, or a few shorter ones. */
  readonly maxCommitBytes: number;
  /** A segment takes about this long on its subflow: small on slow ones, where it would delay what comes behind it. */
  readonly segmentMs: number;
  readonly minSegmentBytes: number;
  /** In flight at first: twice the kernel's IW10, which so never waits; more would be committed to a subflow that may be slow. */
  readonly firstInFlightBytes: number;
  /** Never less than this in flight: two small segments, so that a receipt is always due. */
  readonly minInFlightBytes: number;
  /** Most that is allowed for the programs' own delay, as on a machine whose processors are all taken. */
  readonly maxHostLagMs: number;
  /** Bulk arrives on a subflow, too, when it brings this share of what the subflow delivers: an upload beside a download over ADSL brings an eighth. */
  readonly twoWayShare: number;
  /** From this share on it is bulk where receipts also take so much longer than they could: over 100/2 Mbit/s a fiftieth fills the way back, */
  readonly leastTwoWayShare: number;
  /** this multiple of the smallest round trip, beyond what this end itself queues, */
  readonly twoWayRtt: number;
  /** and so much. */
  readonly twoWaySlackMs: number;
  /** While the rate still grows: doubles it in each round trip, like BBR's start-up. */
  readonly startupGain: number;
  /** Afterwards: half a round trip's worth waits in the kernel, so that the subflow never idles and the queue stays short. */
  readonly cruiseGain: number;
  /** The same for all three beside a call, which waits in the same queue: bulk still fills the pipe, but hardly more. */
  readonly callCruiseGain: number;
  readonly callSegmentMs: number;
  readonly callCommitMs: number;
  /** A kernel's round trip below this multiple of the smallest is one without a queue, */
  readonly queueFreeRtt: number;
  /** and above this one with a queue that no congestion control keeps on purpose: BBR probes with two round trips in flight, and radios delay. */
  readonly longQueueRtt: number;
  /** After a retransmission so many round trips pass until receipts come as steadily as before. */
  readonly repairRounds: number;
}

export const CONGESTION_TUNING: CongestionTuning = {
  commitMs: 10,
  minCommitBytes: 4 * 1024,
  maxCommitBytes: 128 * 1024,
  segmentMs: 5,
  minSegmentBytes: 2 * 1024,
  firstInFlightBytes: 32 * 1024,
  minInFlightBytes: 8 * 1024,
  maxHostLagMs: 100,
  twoWayShare: 1 / 16,
  leastTwoWayShare: 1 / 100,
  twoWayRtt: 1.5,
  twoWaySlackMs: 20,
  startupGain: 2.5,
  cruiseGain: 1.5,
  callCruiseGain: 1,
  callSegmentMs: 2,
  callCommitMs: 3,
  queueFreeRtt: 1.25,
  longQueueRtt: 4,
  repairRounds: 2,
};

/** The numbers that a congestion controller may use. */
export interface ControllerTuning {
  readonly congestion: CongestionTuning;
  readonly rate: RateTuning;
  readonly rtt: RttTuning;
  readonly receipts: ReceiptTuning;
}
