import { WINDOW_TUNING, type WindowTuning } from './receive-window.ts';
import { PACE_TUNING, type PaceTuning } from './stream-pace.ts';
import { QUEUE_TUNING, type QueueTuning } from './stream-queue.ts';

/** The numbers of streams, in groups. */
export interface StreamTuning {
  readonly window: WindowTuning;
  readonly pace: PaceTuning;
  readonly queue: QueueTuning;
}

export const STREAM_TUNING: StreamTuning = { window: WINDOW_TUNING, pace: PACE_TUNING, queue: QUEUE_TUNING };
