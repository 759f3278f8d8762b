import { DATAGRAM_PATH_TUNING, type DatagramPathTuning } from '../path/path-tuning.ts';
import { ORDER_HOLD_TUNING, type OrderHoldTuning } from '../receive/order-hold.ts';
import { FEEDBACK_TUNING, type FeedbackTuning } from '../receive/path-receiver.ts';
import { FLOW_TUNING, type FlowTuning } from '../steering/flow-tuning.ts';
import { FRAME_QUEUE_TUNING, type FrameQueueTuning } from './frame-queue.ts';

/** The numbers of the datagram plane, in groups. */
export interface DatagramTuning extends FlowTuning {
  readonly datagramPath: DatagramPathTuning;
  readonly datagramFeedback: FeedbackTuning;
  readonly datagramOrder: OrderHoldTuning;
  readonly datagramFrames: FrameQueueTuning;
}

export const DATAGRAM_TUNING: DatagramTuning = {
  ...FLOW_TUNING,
  datagramPath: DATAGRAM_PATH_TUNING,
  datagramFeedback: FEEDBACK_TUNING,
  datagramOrder: ORDER_HOLD_TUNING,
  datagramFrames: FRAME_QUEUE_TUNING,
};
