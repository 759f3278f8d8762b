import { encodeControl, MAX_RECEIPT_ENTRIES, type ReceiptEntry } from '../codec/frame.ts';
import { ControlQueue } from '../control/control-queue.ts';
import { Schedulers } from '../scheduler/policies.ts';
import { deliveryTimeMs, type PacketScheduler, type SegmentRequest } from '../scheduler/scheduler.ts';
import type { Sendable, SendStream } from '../stream/send-stream.ts';
import type { Subflow } from '../subflow/subflow.ts';
import {
  COPY_ALLOWANCE_BYTES,
  COPY_SHARE,
  PROBE_AFTER_BYTES,
  RECEIPT_COPIES,
  REST_SHARE,
} from '../tunables.ts';
import type { Redundancy } from './redundancy.ts';
import { headOfLineCopy } from './reinjection.ts';
import type { Stream } from './stream.ts';
import { type SkippedStreams, StreamQueue } from './stream-queue.ts';
import { onDistinctUplinks, steeredSubflows, trustedSubflows } from './trusted-subflows.ts';

export interface TransmitStatistics {
  /** Payload bytes sent, all copies counted. */
  sentBytes: number;
  /** Of them: sent again since their subflow was doubted or died. */
  reinjectedBytes: number;
  /** Of them: head-of-line segments copied to another subflow while the first still works. */
  copiedBytes: number;
  /** Of them: segments of `redundant` streams repeated on further uplinks. */
  redundantBytes: number;
}

/** A control frame is at most this long for the choice of its subflow. */
const CONTROL_FRAME_BYTES = 64;

/** Decides what leaves on which subflow: control frames, receipts, streams in turn, copies. */
export class Transmitter {
  readonly control = new ControlQueue();
  readonly statistics: TransmitStatistics = {
    sentBytes: 0,
    reinjectedBytes: 0,
    copiedBytes: 0,
    redundantBytes: 0,
  };
  readonly #queue = new StreamQueue();
  readonly #streams = new Map<SendStream, Stream>();
  readonly #schedulers: Schedulers;
  /** Streams that have something to send, and a choice of uplinks of their own. */
  readonly #steered = new Set<Stream>();
  /** Of them, and since when: none of their uplinks works. They wait out of the queue, where they would be in the way of the others. */
  readonly #stranded = new Map<Stream, number>();
  #strandedWith = '';
  /** Streams that want to repeat all they send. */
  readonly #redundant = new Set<Stream>();
  /** Their time of waiting counts from the next turn on. */
  #arrived: Stream[] = [];
  /** In this turn: what may carry streams with such a policy, by its key. */
  readonly #carriers = new Map<string, readonly Subflow[]>();
  #wasBlocked = false;
  #nowMs = 0;

  constructor(role: 'client' | 'concentrator') {
    this.#schedulers = new Schedulers(role === 'concentrator');
  }

  /** The stream may have something to send, or no longer. */
  refresh(stream: Stream): void {
    const { send } = stream;
    if (send.next() === undefined && stream.redundancy?.isIncomplete(send) !== true) {
      if (send.isWindowBlocked) this.#wasBlocked = true;
      // Behind a hole it waits for the uplinks all the same; where the peer's application reads slowly it does not.
      if (!send.isHeldUp) stream.pace.onDrained(this.#nowMs);
      this.#queue.remove(send);
      this.#streams.delete(send);
      this.#steered.delete(stream);
      this.#stranded.delete(stream);
    } else {
      this.#streams.set(send, stream);
      this.#queue.add(send);
      if (stream.pace.arrive()) this.#arrived.push(stream);
      if (stream.isSteered) this.#steered.add(stream);
    }
    if (stream.redundancy !== undefined && send.state !== 'done') this.#redundant.add(stream);
    else this.#redundant.delete(stream);
  }

  /** The stream has another policy: it waits for other uplinks now, if for any. */
  onSteered(stream: Stream): void {
    this.#steered.delete(stream);
    this.#stranded.delete(stream);
    this.refresh(stream);
  }

  /** Fills the subflows' outputs with all that may leave now. */
  transmit(subflows: readonly Subflow[], nowMs: number): void {
    this.#beginTurn(subflows, nowMs);
    const trusted = trustedSubflows(subflows);
    this.#sendControl(trusted.length > 0 ? trusted : subflows, nowMs);
    if (trusted.length > 0) this.#sendStreams(trusted, subflows, nowMs);
    this.#noteApplicationLimited(subflows);
    this.#sendReceipts(subflows, nowMs);
  }

  /** When a receipt must leave; infinite while none is due, or while nothing can carry one. */
  receiptDeadlineMs(subflows: readonly Subflow[]): number {
    if (!receiptCarriers(subflows).some((subflow) => subflow.outbox.isWritable))
      return Number.POSITIVE_INFINITY;
    return Math.min(...subflows.map(({ receipts }) => receipts.dueMs));
  }

  /** Streams that are bound to uplinks of which none works, and since when, the first of them first. */
  get stranded(): ReadonlyMap<Stream, number> {
    return this.#stranded;
  }

  /** Copies the segments that hold streams up, within the budget for copies. */
  copyHeadsOfLine(streams: Iterable<Stream>, subflows: readonly Subflow[], nowMs: number): void {
    const trusted = trustedSubflows(subflows);
    for (const stream of streams) {
      const { send } = stream;
      if (!send.isWindowBlocked && !send.isTail) continue;
      const candidates = stream.isSteered ? steeredSubflows(stream.policy, subflows, nowMs) : trusted;
      if (candidates.some((subflow) => subflow.canTake)) this.#copyHeadOfLine(stream, candidates, nowMs);
    }
  }

  /** Segment after segment, as long as they are late: a subflow that has collapsed holds many of them. */
  #copyHeadOfLine(stream: Stream, trusted: readonly Subflow[], nowMs: number): void {
    const { send } = stream;
    const scheduler = this.#schedulerOf(stream);
    const mayCopy = scheduler.mayCopy && ((target: Subflow) => scheduler.mayCopy?.(target) !== false);
    for (let from = send.firstUndelivered(0); from !== undefined; ) {
      const copy = headOfLineCopy(send, from, trusted, nowMs, mayCopy);
      if (copy === undefined) return;
      const { sentBytes, copiedBytes } = this.statistics;
      if (copiedBytes + copy.length > sentBytes * COPY_SHARE + COPY_ALLOWANCE_BYTES) return;
      const { target, dsn, length, fin } = copy;
      target.append(send.copy(dsn, length, fin), { kind: 'data', stream: send, dsn, length, fin });
      this.statistics.sentBytes += length;
      this.statistics.copiedBytes += length;
      from = send.firstUndelivered(dsn + length);
    }
  }

  /** About once per shortest round trip. */
  onRound(): void {
    this.#schedulers.onRound(this.#wasBlocked);
    this.#wasBlocked = false;
  }

  #sendControl(subflows: readonly Subflow[], _nowMs: number): void {
    while (!this.control.isEmpty) {
      const free = byPromise(subflows.filter((subflow) => subflow.outbox.isWritable));
      if (free.length === 0) return;
      const next = this.control.shift();
      if (next === undefined) return;
      for (const subflow of onDistinctUplinks(free, next.item.copies)) {
        subflow.append([next.bytes], { kind: 'control', control: next.item });
      }
    }
  }

  #beginTurn(subflows: readonly Subflow[], nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#arrived.length > 0) {
      for (const { pace } of this.#arrived) pace.onWaiting(nowMs);
      this.#arrived = [];
    }
    if (this.#carriers.size > 0) this.#carriers.clear();
    if (this.#stranded.size > 0) this.#relieveStranded(subflows, nowMs);
    for (const stream of this.#redundant) {
      stream.redundancy?.sync(this.#carriersOf(stream, subflows, nowMs), stream.send);
      this.refresh(stream);
    }
  }

  #sendStreams(trusted: readonly Subflow[], subflows: readonly Subflow[], nowMs: number): void {
    const skipped = new SkippedInTurn(this.#streams);
    // A stream that is bound to uplinks may go where none other does.
    const open = this.#steered.size > 0 ? subflows : trusted;
    while (open.some((subflow) => subflow.canTake)) {
      const send = this.#queue.next(skipped);
      if (send === undefined) return;
      const stream = this.#streams.get(send)!;
      const candidates = stream.isSteered ? this.#carriersOf(stream, subflows, nowMs) : trusted;
      if (candidates.length === 0) {
        this.#queue.remove(send);
        if (!this.#stranded.has(stream)) this.#stranded.set(stream, nowMs);
        this.#strandedWith = '';
        continue;
      }
      if (this.#stranded.size > 0) this.#stranded.delete(stream);
      if (this.#sendSegment(stream, candidates, nowMs)) continue;
      skipped.add(
        stream,
        candidates.some((subflow) => subflow.canTake),
      );
    }
  }

  /** Looks at them again when other subflows work than before. */
  #relieveStranded(subflows: readonly Subflow[], nowMs: number): void {
    const working = subflows
      .filter(({ state }) => state === 'active')
      .map(({ id }) => id)
      .join();
    if (working === this.#strandedWith) return;
    this.#strandedWith = working;
    for (const stream of this.#stranded.keys()) {
      if (this.#carriersOf(stream, subflows, nowMs).length === 0) continue;
      this.#stranded.delete(stream);
      this.#queue.add(stream.send);
    }
  }

  #carriersOf(
    { policy, policyKey }: Stream,
    subflows: readonly Subflow[],
    nowMs: number,
  ): readonly Subflow[] {
    let carriers = this.#carriers.get(policyKey);
    if (carriers === undefined) {
      carriers = steeredSubflows(policy, subflows, nowMs);
      this.#carriers.set(policyKey, carriers);
    }
    return carriers;
  }

  #sendSegment(stream: Stream, candidates: readonly Subflow[], nowMs: number): boolean {
    const { send, pace } = stream;
    if (stream.redundancy !== undefined && this.#repeat(stream, stream.redundancy, candidates, nowMs))
      return true;
    const sendable = send.next();
    if (sendable === undefined) return false;
    const isUrgent = send.isNewStream || !sendable.isNew || pace.isPaced(nowMs);
    const request: SegmentRequest = {
      urgency: isUrgent ? 'urgent' : 'bulk',
      lengthBytes: Math.max(1, Math.min(sendable.length, largestSegment(candidates))),
      windowLeftBytes: send.windowLeftBytes,
      mayProbe: !isUrgent && send.sentBytes >= PROBE_AFTER_BYTES,
      remainingBytes: expectedRestBytes(send),
      waitingMs: pace.waitingMs(nowMs),
    };
    const scheduler = this.#schedulerOf(stream);
    const target = scheduler.select(request, candidates, nowMs);
    if (target === undefined) return false;
    const length = send.frameBytes(sendable.dsn, Math.min(sendable.length, target.segmentBytes));
    this.#write(stream, sendable, length, target, nowMs);
    scheduler.onSent?.(target, length);
    this.#queue.charge(send, length);
    this.refresh(stream);
    return true;
  }

  #schedulerOf(stream: Stream): PacketScheduler {
    stream.scheduler ??= this.#schedulers.for(stream.policy);
    return stream.scheduler;
  }

  /** Sends what one of the subflows lacks of a stream that is to go over all of them. */
  #repeat(stream: Stream, redundancy: Redundancy, carriers: readonly Subflow[], _nowMs: number): boolean {
    const { send } = stream;
    for (const target of carriers) {
      const missing = target.canTake ? redundancy.missingOn(target, send) : undefined;
      if (missing === undefined) continue;
      const { dsn } = missing;
      const length =
        missing.length === 0 ? 0 : send.frameBytes(dsn, Math.min(missing.length, target.segmentBytes));
      const fin = missing.fin && length === missing.length;
      target.append(send.copy(dsn, length, fin), { kind: 'data', stream: send, dsn, length, fin });
      redundancy.onSent(target, { dsn, length, fin });
      this.statistics.sentBytes += length;
      this.statistics.redundantBytes += length;
      this.#queue.charge(send, length);
      this.refresh(stream);
      return true;
    }
    return false;
  }

  #write(stream: Stream, sendable: Sendable, length: number, target: Subflow, _nowMs: number): void {
    const { send, redundancy } = stream;
    const { dsn, isNew } = sendable;
    const fin = sendable.fin && length === sendable.length;
    const frame = send.take(dsn, length, fin);
    target.append(frame, { kind: 'data', stream: send, dsn, length, fin });
    this.statistics.sentBytes += length;
    if (!isNew) this.statistics.reinjectedBytes += length;
    redundancy?.onSent(target, { dsn, length, fin });
  }

  /** Receipts for all subflows, on the fastest ones. */
  #sendReceipts(subflows: readonly Subflow[], nowMs: number): void {
    if (!subflows.some((subflow) => subflow.receipts.dueMs <= nowMs)) return;
    const free = byPromise(receiptCarriers(subflows).filter((subflow) => subflow.outbox.isWritable));
    if (free.length === 0) return;
    const entries: ReceiptEntry[] = [];
    for (const subflow of subflows) {
      const entry = subflow.receipts.take(subflow.id);
      if (entry !== undefined) entries.push(entry);
    }
    const carriers = onDistinctUplinks(free, RECEIPT_COPIES);
    for (let at = 0; at < entries.length; at += MAX_RECEIPT_ENTRIES) {
      const frame = encodeControl({ type: 'receipt', entries: entries.slice(at, at + MAX_RECEIPT_ENTRIES) });
      for (const subflow of carriers) subflow.append([frame], { kind: 'receipt' });
    }
  }

  /** A subflow with room left over is slower than it could be: there was nothing to send, or a better one to wait for. */
  #noteApplicationLimited(subflows: readonly Subflow[]): void {
    for (const subflow of subflows) {
      if (subflow.canTake) subflow.congestion.onApplicationLimited();
    }
  }
}

/**
 * What the stream will still send. Where its end is not known: sizes are heavy-tailed, so it is as long as it has been
 * so far, times REST_SHARE. A short one then waits for the best subflow rather than have its end on a slow one.
 */
function expectedRestBytes(send: SendStream): number {
  return send.endIsKnown ? send.backlogBytes : Math.max(send.backlogBytes, send.sentBytes * REST_SHARE);
}

/** Streams of one policy that wait for a better subflow, looked at in one turn; the rest get their look in the next. */
const MAX_SKIPPED_STREAMS = 64;

/** Streams that were looked at in vain in one turn; by policy, so that those that wait for one uplink are not in the way of others. */
class SkippedInTurn implements SkippedStreams {
  readonly #streams: ReadonlyMap<SendStream, Stream>;
  readonly #skipped = new Set<SendStream>();
  readonly #looks = new Map<string, number>();

  constructor(streams: ReadonlyMap<SendStream, Stream>) {
    this.#streams = streams;
  }

  /** @param isChoice a subflow was free, and the stream waits for a better one; otherwise all with its policy wait like it */
  add({ send, policyKey }: Stream, isChoice: boolean): void {
    this.#skipped.add(send);
    this.#looks.set(policyKey, isChoice ? (this.#looks.get(policyKey) ?? 0) + 1 : MAX_SKIPPED_STREAMS);
  }

  has(send: SendStream): boolean {
    if (this.#skipped.size === 0) return false;
    const looks = this.#looks.get(this.#streams.get(send)!.policyKey) ?? 0;
    return looks >= MAX_SKIPPED_STREAMS || this.#skipped.has(send);
  }
}

function receiptCarriers(subflows: readonly Subflow[]): readonly Subflow[] {
  const trusted = trustedSubflows(subflows);
  return trusted.length > 0 ? trusted : subflows;
}

/** The earliest first. Where all are in doubt, the one on which the peer was heard last: it may work in spite of it. */
function byPromise(subflows: readonly Subflow[]): readonly Subflow[] {
  if (subflows.length < 2) return subflows;
  if (!subflows.some(({ state }) => state === 'active')) {
    return [...subflows].sort((a, b) => b.lastDataMs - a.lastDataMs);
  }
  return [...subflows].sort(
    (a, b) => deliveryTimeMs(a, CONTROL_FRAME_BYTES) - deliveryTimeMs(b, CONTROL_FRAME_BYTES),
  );
}

function largestSegment(subflows: readonly Subflow[]): number {
  let largest = 0;
  for (const { segmentBytes } of subflows) largest = Math.max(largest, segmentBytes);
  return largest;
}
