import { BACKLOG_TUNING, type BacklogTuning } from './backlog.ts';
import { COPY_TUNING, type CopyTuning } from './reinjection.ts';
import { SEGMENT_TUNING, type SegmentTuning } from './stream-sender.ts';

/** The numbers of sending, in groups. */
export interface TransmitTuning {
  readonly backlog: BacklogTuning;
  readonly copies: CopyTuning;
  readonly segments: SegmentTuning;
}

export const TRANSMIT_TUNING: TransmitTuning = {
  backlog: BACKLOG_TUNING,
  copies: COPY_TUNING,
  segments: SEGMENT_TUNING,
};
