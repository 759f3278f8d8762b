import type { SubflowView } from '../subflow/subflow-view.ts';

/** The segment that wants a subflow. */
export interface SegmentRequest {
  /** urgent: a new or short stream, one paced by its application, or bytes that were lost elsewhere; bulk: all else. */
  readonly urgency: 'urgent' | 'bulk';
  /** Most bytes that the segment may have. */
  readonly lengthBytes: number;
  /** What the stream may still send before the peer's window closes. */
  readonly windowLeftBytes: number;
  /** All that the stream is expected to send from here on. */
  readonly remainingBytes: number | undefined;
  /** Whether the stream is long enough to find out with what a subflow can. */
  readonly mayProbe: boolean;
  /** What is accepted and was never sent. */
  readonly unsentBytes: number;
  /** For how long the stream has had something to send without a break. */
  readonly waitingMs: number;
}

/** A piece of a stream in one frame. `length` is 0 only for a FIN by itself. */
export interface Segment {
  readonly dsn: number;
  readonly length: number;
  readonly fin: boolean;
}

/** A steering mode's choice of subflow, segment by segment. */
export interface PacketScheduler {
  /**
   * @param candidates subflows that are trusted and that the policy allows, backups only when there is nothing else; never empty
   * @returns the subflow for the segment, one that `canTake` now; undefined to wait for a better one
   */
  select<View extends SubflowView>(request: SegmentRequest, candidates: readonly View[]): View | undefined;

  /** A segment has gone there: for the first time, or again since its subflow was lost. Not called for copies and repeats. */
  onSent?(subflow: SubflowView, segment: Segment): void;

  /** How many bytes of the stream are left out in front of a new segment of bulk that goes there, for other subflows; absent: none. */
  skipBytes?(target: SubflowView, candidates: readonly SubflowView[]): number;

  /** Whether a late segment may be copied there; absent: anywhere. */
  mayCopy?(target: SubflowView): boolean;

  /** Called about once per shortest round trip: whether a closed window held a stream back since the last call. */
  onRound?(wasBlocked: boolean): void;

  /** What of its stream is sent more than once on purpose; absent: nothing. */
  readonly repeats?: Repeats;
}

/** What a strategy sends again on further subflows while the first copy is still under way. */
export interface Repeats {
  /** Whether something is to be repeated. */
  readonly isPending: boolean;

  /** These carry the stream in this turn. Called while the stream has anything undelivered. */
  onCarriers(carriers: readonly SubflowView[]): void;

  /**
   * @returns what is to be repeated next, and on which of the carriers, one that `canTake` now; the sender may cut it short
   */
  next<View extends SubflowView>(carriers: readonly View[]): Repeat<View> | undefined;

  /** The segment that `next` gave, as it was cut, has gone there. */
  onSent(subflow: SubflowView, segment: Segment): void;

  /** What was under way on the subflow is to be sent again, as far as it is not under way elsewhere. */
  onLost(subflow: SubflowView, dsn: number, length: number): void;
}

export interface Repeat<View extends SubflowView> {
  readonly target: View;
  readonly segment: Segment;
}

/** What a strategy sees of the sending half of its stream. */
export interface SentStream {
  /** Everything has arrived, or the stream was reset. */
  readonly isDone: boolean;
  /** All bytes below are delivered. */
  readonly deliveredTo: number;
  /** All bytes below were sent at least once. */
  readonly sentBytes: number;
  /** FIN was sent and is not known to have arrived. */
  readonly finIsUnderWay: boolean;
  /** The first byte at or above `dsn` that was sent and is not known to be delivered. */
  firstUndelivered(dsn: number): number | undefined;
  /** [start, end) need not be sent again: another copy is under way on a subflow that is trusted. */
  onUnderWayElsewhere(start: number, end: number): void;
}
