import type { Now } from '../now.ts';
import type { SegmentRequest } from '../scheduler/packet-scheduler.ts';
import type { Sendable, SendStream } from '../stream/send-stream.ts';
import type { Stream } from '../stream/stream.ts';
import { StreamQueue } from '../stream/stream-queue.ts';
import type { StreamTuning } from '../stream/stream-tuning.ts';
import type { SessionSubflow } from './sent-item.ts';
import type { TransmitStatistics } from './transmit-statistics.ts';
import type { Turn } from './turn.ts';

export interface SegmentTuning {
  /** A stream that has sent so much is a long one: it may send on subflows only to find out what they can. */
  readonly probeAfterBytes: number;
  /**
   * A stream whose end is not known is expected to send this share of what it has sent: sizes are heavy-tailed, with
   * Pareto's law and a shape of 2 or less it is as much again or more.
   */
  readonly restShare: number;
}

export const SEGMENT_TUNING: SegmentTuning = { probeAfterBytes: 512 * 1024, restShare: 1 };

export interface StreamSenderOptions {
  readonly now: Now;
  readonly tuning: Pick<StreamTuning, 'queue'> & { readonly segments: SegmentTuning };
}

/** Sends the segments of the streams, in turn, where their strategies want them. */
export class StreamSender {
  readonly #tuning: SegmentTuning;
  readonly #statistics: TransmitStatistics;
  readonly #queue: StreamQueue;
  /** Streams that repeat what they send, and have something undelivered. */
  readonly #repeating = new Set<Stream>();
  /** The active subflows when stranded streams were last looked at. */
  #strandedWith = '';
  #wasBlocked = false;

  constructor({ now, tuning }: StreamSenderOptions, statistics: TransmitStatistics) {
    this.#tuning = tuning.segments;
    this.#statistics = statistics;
    this.#queue = new StreamQueue(now, tuning.queue);
  }

  /** Streams that none of their uplinks can carry, those that have waited longest first. */
  get stranded(): ReadonlySet<Stream> {
    return this.#queue.stranded;
  }

  /** The stream may have something to send, or no longer. */
  refresh(stream: Stream): void {
    const { send, pace, steering } = stream;
    const { repeats } = steering.scheduler;
    if (send.next() === undefined && repeats?.isPending !== true) {
      if (send.isWindowBlocked) this.#wasBlocked = true;
      // Behind a hole it waits for the uplinks all the same; where the peer's application reads slowly it does not.
      if (!send.isHeldUp) pace.onDrained();
      this.#queue.drain(stream);
    } else {
      this.#queue.fill(stream);
      pace.onFilled();
    }
    if (repeats !== undefined && isUnfinished(send)) this.#repeating.add(stream);
    else this.#repeating.delete(stream);
  }

  /** The stream has another policy: it waits for other uplinks now, if for any. */
  onSteered(stream: Stream): void {
    this.#queue.relieve(stream);
    this.refresh(stream);
  }

  /** Whether a closed window held a stream back since the last call. */
  takeWasBlocked(): boolean {
    const wasBlocked = this.#wasBlocked;
    this.#wasBlocked = false;
    return wasBlocked;
  }

  /** Looks at what has changed since the last turn. */
  begin(turn: Turn): void {
    if (this.stranded.size > 0) this.#relieveStranded(turn);
    for (const stream of this.#repeating) {
      stream.steering.scheduler.repeats?.onCarriers(turn.carriersOf(stream));
      this.refresh(stream);
    }
  }

  /** Fills the subflows as far as they take anything. */
  send(turn: Turn): void {
    // A stream that is bound to uplinks may go where none other does.
    const open = this.#queue.hasSteered ? turn.subflows : turn.trusted;
    while (open.some((subflow) => subflow.canTake)) {
      const stream = this.#queue.next(turn);
      if (stream === undefined) return;
      const carriers = turn.carriersOf(stream);
      if (carriers.length === 0) {
        this.#queue.strand(stream);
        this.#strandedWith = '';
      } else if (!this.#sendSegment(stream, carriers)) {
        turn.skip(
          stream,
          carriers.some((subflow) => subflow.canTake),
        );
      }
    }
  }

  /** Looks at them again when other subflows work than before. */
  #relieveStranded(turn: Turn): void {
    const working = turn.subflows
      .filter(({ state }) => state === 'active')
      .map(({ id }) => id)
      .join();
    if (working === this.#strandedWith) return;
    this.#strandedWith = working;
    for (const stream of this.stranded) if (turn.carriersOf(stream).length > 0) this.#queue.relieve(stream);
  }

  /** @returns whether anything was sent */
  #sendSegment(stream: Stream, carriers: readonly SessionSubflow[]): boolean {
    const lengthBytes = this.#repeat(stream, carriers) ?? this.#sendNext(stream, carriers);
    if (lengthBytes === undefined) return false;
    this.#queue.charge(stream, lengthBytes);
    this.refresh(stream);
    return true;
  }

  /** Sends again what is under way elsewhere, where the stream's strategy wants it. @returns how much, if anything */
  #repeat(stream: Stream, carriers: readonly SessionSubflow[]): number | undefined {
    const { send, steering } = stream;
    const repeat = steering.scheduler.repeats?.next(carriers);
    if (repeat === undefined) return undefined;
    const { target, segment } = repeat;
    const { dsn } = segment;
    const most = Math.min(segment.length, target.segmentBytes);
    const length = segment.length === 0 ? 0 : send.frameBytes(dsn, most);
    const fin = segment.fin && length === segment.length;
    target.append(send.copy(dsn, length, fin), { kind: 'data', stream, dsn, length, fin });
    steering.scheduler.repeats?.onSent(target, { dsn, length, fin });
    this.#statistics.sentBytes += length;
    this.#statistics.redundantBytes += length;
    return length;
  }

  /** Sends what is next where the stream's strategy wants it. @returns how much, if anything */
  #sendNext(stream: Stream, carriers: readonly SessionSubflow[]): number | undefined {
    const { send, steering } = stream;
    const sendable = send.next();
    if (sendable === undefined) return undefined;
    const target = steering.scheduler.select(this.#request(stream, sendable, carriers), carriers);
    if (target === undefined) return undefined;
    const { dsn } = sendable;
    const length = send.frameBytes(dsn, Math.min(sendable.length, target.segmentBytes));
    const fin = sendable.fin && length === sendable.length;
    target.append(send.take(dsn, length, fin), { kind: 'data', stream, dsn, length, fin });
    steering.scheduler.onSent?.(target, { dsn, length, fin });
    this.#statistics.sentBytes += length;
    if (!sendable.isNew) this.#statistics.reinjectedBytes += length;
    return length;
  }

  #request(stream: Stream, sendable: Sendable, carriers: readonly SessionSubflow[]): SegmentRequest {
    const { send, pace } = stream;
    const isUrgent = this.#queue.isNew(stream) || !sendable.isNew || pace.isPaced();
    return {
      urgency: isUrgent ? 'urgent' : 'bulk',
      lengthBytes: Math.max(1, Math.min(sendable.length, largestSegmentBytes(carriers))),
      windowLeftBytes: send.windowLeftBytes,
      mayProbe: !isUrgent && send.sentBytes >= this.#tuning.probeAfterBytes,
      remainingBytes: this.#expectedRestBytes(send),
      waitingMs: pace.waitingMs,
    };
  }

  /**
   * What the stream will still send. Where its end is not known it is expected to go on for as long as it has lasted: a
   * short one then waits for the best subflow rather than have its end on a slow one.
   */
  #expectedRestBytes(send: SendStream): number {
    if (send.endIsKnown) return send.backlogBytes;
    return Math.max(send.backlogBytes, send.sentBytes * this.#tuning.restShare);
  }
}

/** Something was accepted, or FIN is wanted, and is not known to have arrived. */
function isUnfinished(send: SendStream): boolean {
  return !send.isDone && (send.undeliveredBytes > 0 || send.endIsKnown);
}

function largestSegmentBytes(subflows: readonly SessionSubflow[]): number {
  let largest = 0;
  for (const { segmentBytes } of subflows) largest = Math.max(largest, segmentBytes);
  return largest;
}
