import type { Now } from '../now.ts';
import { PassingSet, type Walk } from '../passing-set.ts';
import type { SegmentRequest } from '../scheduler/packet-scheduler.ts';
import type { Sendable, SendStream } from '../stream/send-stream.ts';
import type { Stream } from '../stream/stream.ts';
import { StreamQueue } from '../stream/stream-queue.ts';
import type { StreamTuning } from '../stream/stream-tuning.ts';
import { CarrierChanges } from './carrier-changes.ts';
import { bringsWhatWasLost } from './draining.ts';
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

/** Streams that are told of other carriers in one turn; the rest are told in the next ones, or when they send. */
export const MAX_TOLD_STREAMS = 128;

/** Sends the segments of the streams, in turn, where their strategies want them. */
export class StreamSender {
  readonly #tuning: SegmentTuning;
  readonly #statistics: TransmitStatistics;
  readonly #queue: StreamQueue;
  readonly #changes = new CarrierChanges();
  /** Streams that repeat what they send, and have something undelivered: those that know their carriers, */
  #informed = new PassingSet<Stream>();
  /** and those that must be told of them. */
  #uninformed = new PassingSet<Stream>();
  /** Stranded streams that have not been looked at since the subflows changed. */
  #strandedAhead: Walk<Stream> | undefined;
  /** The last turn ended before all streams had their look, */
  #isMidway = false;
  /** while these had room, and what waits for others was passed by, */
  #hadRoom: ReadonlySet<SessionSubflow> = new Set();
  /** and they need not wait for anything to happen. */
  #goesOn = false;
  #wasBlocked = false;

  constructor({ now, tuning }: StreamSenderOptions, statistics: TransmitStatistics) {
    this.#tuning = tuning.segments;
    this.#statistics = statistics;
    this.#queue = new StreamQueue(now, tuning.queue);
  }

  /** Streams that none of their uplinks can carry, those that have waited longest first. */
  get stranded(): PassingSet<Stream> {
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
    if (repeats === undefined || !isUnfinished(send)) this.#forgetRepeating(stream);
    else if (!this.#informed.has(stream)) this.#uninformed.add(stream);
  }

  /** The stream has another policy: it waits for other uplinks now, if for any. */
  onSteered(stream: Stream): void {
    this.#forgetRepeating(stream);
    this.#queue.relieve(stream);
    this.refresh(stream);
  }

  /** Whether a closed window held a stream back since the last call. */
  takeWasBlocked(): boolean {
    const wasBlocked = this.#wasBlocked;
    this.#wasBlocked = false;
    return wasBlocked;
  }

  /** Whether the next turn is wanted soon: this one has left streams without a look, since a turn costs only so much. */
  get hasMore(): boolean {
    return this.#goesOn || this.#uninformed.size > 0 || this.#strandedAhead !== undefined;
  }

  /** Whether there may be something to send. */
  get hasWaiting(): boolean {
    return !this.#queue.isEmpty || this.hasMore;
  }

  /** Looks at what has changed since the last turn. */
  begin(turn: Turn): void {
    this.#goesOn = false;
    if (this.#changes.note(turn.subflows)) this.#onOtherCarriers();
    if (this.#strandedAhead !== undefined) this.#relieveStranded(turn, this.#strandedAhead);
    if (this.#uninformed.size === 0) return;
    let told = 0;
    for (const stream of this.#uninformed) {
      if (++told > MAX_TOLD_STREAMS) break;
      this.#inform(stream, turn.carriersOf(stream));
      this.refresh(stream);
    }
  }

  /** Fills the subflows as far as they take anything. */
  send(turn: Turn): void {
    if (this.#queue.isEmpty) {
      this.#isMidway = false;
      return;
    }
    // A stream that is bound to uplinks may go where none other does.
    const open = this.#queue.hasSteered ? turn.subflows : turn.trusted;
    const hasNews = this.#isMidway && open.some((one) => one.canTake && !this.#hadRoom.has(one));
    this.#queue.beginTurn(this.#isMidway, hasNews);
    this.#isMidway = false;
    while (open.some((subflow) => subflow.canTake)) {
      const stream = turn.isOver ? undefined : this.#queue.next(turn);
      if (stream === undefined) {
        this.#isMidway = turn.isOver || this.#queue.isCutShort;
        this.#goesOn = this.#isMidway;
        if (this.#isMidway) this.#hadRoom = new Set(open.filter((subflow) => subflow.canTake));
        return;
      }
      const carriers = turn.carriersOf(stream);
      if (carriers.length === 0) this.#queue.strand(stream);
      else if (!this.#sendSegment(stream, carriers)) {
        turn.skip(
          stream,
          carriers.some((subflow) => subflow.canTake),
        );
      }
    }
  }

  #forgetRepeating(stream: Stream): void {
    this.#informed.delete(stream);
    this.#uninformed.delete(stream);
  }

  /** The subflows are not what they were: stranded streams may go on, and those that repeat must know. */
  #onOtherCarriers(): void {
    this.#strandedAhead?.return();
    this.#strandedAhead = this.stranded.size > 0 ? this.stranded.values() : undefined;
    // In most turns one of the two is empty, and never are there more informed ones than were told since the last change.
    if (this.#uninformed.size === 0) {
      [this.#informed, this.#uninformed] = [this.#uninformed, this.#informed];
      return;
    }
    for (const stream of this.#informed) this.#uninformed.add(stream);
    this.#informed = new PassingSet();
  }

  #inform(stream: Stream, carriers: readonly SessionSubflow[]): void {
    if (!this.#uninformed.delete(stream)) return;
    this.#informed.add(stream);
    stream.steering.scheduler.repeats?.onCarriers(carriers);
  }

  #relieveStranded(turn: Turn, ahead: Walk<Stream>): void {
    for (let looked = 0; looked < MAX_TOLD_STREAMS; looked++) {
      const { value, done } = ahead.next();
      if (done === true) {
        this.#strandedAhead = undefined;
        return;
      }
      if (turn.carriersOf(value).length > 0) this.#queue.relieve(value);
    }
  }

  /** @returns whether anything was sent */
  #sendSegment(stream: Stream, carriers: readonly SessionSubflow[]): boolean {
    this.#inform(stream, carriers);
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
    const item = { kind: 'data', stream, dsn, length, fin, again: undefined } as const;
    target.append(send.copy(dsn, length, fin), item);
    stream.carried.of(target.uplink.name).sentBytes += length;
    steering.scheduler.repeats?.onSent(target, { dsn, length, fin });
    this.#statistics.sentBytes += length;
    this.#statistics.redundantBytes += length;
    return length;
  }

  /** Sends what is next where the stream's strategy wants it. @returns how much, if anything */
  #sendNext(stream: Stream, carriers: readonly SessionSubflow[]): number | undefined {
    const { send, steering } = stream;
    const next = this.#nextOf(send, carriers);
    if (next === undefined) return undefined;
    const request = this.#request(stream, next, carriers);
    const target = steering.scheduler.select(request, carriers);
    if (target === undefined) return undefined;
    const skipBytes = request.mayProbe ? (steering.scheduler.skipBytes?.(target, carriers) ?? 0) : 0;
    const sendable = (skipBytes > 0 ? send.ahead(skipBytes, target.segmentBytes) : undefined) ?? next;
    const { dsn } = sendable;
    const length = send.frameBytes(dsn, Math.min(sendable.length, target.segmentBytes));
    const fin = sendable.fin && length === sendable.length;
    const again = sendable.isNew ? undefined : 'lost';
    target.append(send.take(dsn, length, fin), { kind: 'data', stream, dsn, length, fin, again });
    if (sendable.isNew) stream.delays.onSent(send.sentBytes);
    stream.carried.of(target.uplink.name).sentBytes += length;
    steering.scheduler.onSent?.(target, { dsn, length, fin });
    this.#statistics.sentBytes += length;
    if (!sendable.isNew) this.#statistics.reinjectedBytes += length;
    return length;
  }

  /** What is next; where what was lost arrives after all, a long stream leaves that in peace, as long as it has something else to send. */
  #nextOf(send: SendStream, carriers: readonly SessionSubflow[]): Sendable | undefined {
    const next = send.next();
    const isLost = next !== undefined && !next.isNew;
    if (!isLost || send.sentBytes < this.#tuning.probeAfterBytes || !bringsWhatWasLost(carriers)) return next;
    return send.next(true) ?? next;
  }

  #request(stream: Stream, sendable: Sendable, carriers: readonly SessionSubflow[]): SegmentRequest {
    const { send, pace } = stream;
    const isUrgent = this.#queue.isNew(stream) || !sendable.isNew || pace.isPaced();
    return {
      urgency: isUrgent ? 'urgent' : 'bulk',
      lengthBytes: Math.max(1, Math.min(sendable.length, largestSegmentBytes(carriers))),
      windowLeftBytes: send.windowLeftBytes,
      unsentBytes: send.backlogBytes,
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
