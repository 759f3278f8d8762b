import { encodeControl, MAX_RECEIPT_ENTRIES, type ReceiptEntry } from '../codec/frame.ts';
import { Schedulers } from '../scheduler/policies.ts';
import { deliveryTimeMs } from '../scheduler/scheduler.ts';
import type { Sendable, SendStream } from '../stream/send-stream.ts';
import type { Subflow } from '../subflow/subflow.ts';
import {
  COPY_ALLOWANCE_BYTES,
  COPY_SHARE,
  PROBE_AFTER_BYTES,
  RECEIPT_COPIES,
  REST_SHARE,
} from '../tunables.ts';
import { ControlQueue } from './control-queue.ts';
import { headOfLineCopy } from './reinjection.ts';
import type { Stream } from './stream.ts';
import { StreamQueue } from './stream-queue.ts';
import { onDistinctUplinks, trustedSubflows } from './trusted-subflows.ts';

export interface TransmitStatistics {
  /** Payload bytes sent, all copies counted. */
  sentBytes: number;
  /** Of them: sent again since their subflow was doubted or died. */
  reinjectedBytes: number;
  /** Of them: head-of-line segments copied to another subflow while the first still works. */
  copiedBytes: number;
}

/** A control frame is at most this long for the choice of its subflow. */
const CONTROL_FRAME_BYTES = 64;

/** Decides what leaves on which subflow: control frames, receipts, streams in turn, copies. */
export class Transmitter {
  readonly control = new ControlQueue();
  readonly statistics: TransmitStatistics = { sentBytes: 0, reinjectedBytes: 0, copiedBytes: 0 };
  readonly #queue = new StreamQueue();
  readonly #streams = new Map<SendStream, Stream>();
  readonly #schedulers = new Schedulers();
  #wasBlocked = false;

  /** The stream may have something to send, or no longer. */
  refresh(stream: Stream): void {
    if (stream.send.next() === undefined) {
      if (stream.send.isWindowBlocked) this.#wasBlocked = true;
      this.#queue.remove(stream.send);
      this.#streams.delete(stream.send);
    } else {
      this.#streams.set(stream.send, stream);
      this.#queue.add(stream.send);
    }
  }

  /** Fills the subflows' outputs with all that may leave now. */
  transmit(subflows: readonly Subflow[], nowMs: number): void {
    const trusted = trustedSubflows(subflows);
    this.#sendControl(trusted.length > 0 ? trusted : subflows, nowMs);
    if (trusted.length > 0) this.#sendStreams(trusted, nowMs);
    this.#noteApplicationLimited(subflows, nowMs);
    this.#sendReceipts(subflows, nowMs);
  }

  /** When a receipt must leave; infinite while none is due, or while nothing can carry one. */
  receiptDeadlineMs(subflows: readonly Subflow[]): number {
    if (!receiptCarriers(subflows).some((subflow) => subflow.isWritable)) return Number.POSITIVE_INFINITY;
    return Math.min(...subflows.map(({ receipts }) => receipts.dueMs));
  }

  /** Copies the segments that hold streams up, within the budget for copies. */
  copyHeadsOfLine(streams: Iterable<Stream>, subflows: readonly Subflow[], nowMs: number): void {
    const trusted = trustedSubflows(subflows);
    for (const { send } of streams) {
      if (!trusted.some((subflow) => subflow.canTake(nowMs))) return;
      if (send.isWindowBlocked || send.isTail) this.#copyHeadOfLine(send, trusted, nowMs);
    }
  }

  /** Segment after segment, as long as they are late: a subflow that has collapsed holds many of them. */
  #copyHeadOfLine(send: SendStream, trusted: readonly Subflow[], nowMs: number): void {
    for (let from = send.firstUndelivered(0); from !== undefined; ) {
      const copy = headOfLineCopy(send, from, trusted, nowMs);
      if (copy === undefined) return;
      const { sentBytes, copiedBytes } = this.statistics;
      if (copiedBytes + copy.length > sentBytes * COPY_SHARE + COPY_ALLOWANCE_BYTES) return;
      const { target, dsn, length, fin } = copy;
      target.append(send.copy(dsn, length, fin), { kind: 'data', stream: send, dsn, length, fin }, nowMs);
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

  #sendControl(subflows: readonly Subflow[], nowMs: number): void {
    while (!this.control.isEmpty) {
      const free = byDeliveryTime(subflows.filter((subflow) => subflow.isWritable));
      if (free.length === 0) return;
      const next = this.control.shift();
      if (next === undefined) return;
      for (const subflow of onDistinctUplinks(free, next.item.copies)) {
        subflow.append([next.bytes], { kind: 'control', control: next.item }, nowMs);
      }
    }
  }

  #sendStreams(candidates: readonly Subflow[], nowMs: number): void {
    const skipped = new Set<SendStream>();
    while (candidates.some((subflow) => subflow.canTake(nowMs))) {
      const send = this.#queue.next(skipped);
      if (send === undefined) return;
      if (!this.#sendSegment(send, candidates, nowMs)) {
        skipped.add(send);
        if (skipped.size >= MAX_SKIPPED_STREAMS) return;
      }
    }
  }

  #sendSegment(send: SendStream, candidates: readonly Subflow[], nowMs: number): boolean {
    const stream = this.#streams.get(send)!;
    const sendable = send.next()!;
    const request = {
      urgency: send.isNewStream || !sendable.isNew ? 'urgent' : 'bulk',
      lengthBytes: Math.max(1, Math.min(sendable.length, largestSegment(candidates))),
      windowLeftBytes: send.windowLeftBytes,
      mayProbe: sendable.isNew && send.sentBytes >= PROBE_AFTER_BYTES,
      remainingBytes: expectedRestBytes(send),
    } as const;
    const target = this.#schedulers.for(stream.mode).select(request, candidates, nowMs);
    if (target === undefined) return false;
    const length = send.frameBytes(sendable.dsn, Math.min(sendable.length, target.segmentBytes));
    this.#write(send, sendable, length, target, nowMs);
    this.#queue.charge(send, length);
    this.refresh(stream);
    return true;
  }

  #write(send: SendStream, sendable: Sendable, length: number, target: Subflow, nowMs: number): void {
    const { dsn, isNew } = sendable;
    const fin = sendable.fin && length === sendable.length;
    const frame = send.take(dsn, length, fin);
    target.append(frame, { kind: 'data', stream: send, dsn, length, fin }, nowMs);
    this.statistics.sentBytes += length;
    if (!isNew) this.statistics.reinjectedBytes += length;
  }

  /** Receipts for all subflows, on the fastest ones. */
  #sendReceipts(subflows: readonly Subflow[], nowMs: number): void {
    if (!subflows.some((subflow) => subflow.receipts.dueMs <= nowMs)) return;
    const free = byDeliveryTime(receiptCarriers(subflows).filter((subflow) => subflow.isWritable));
    if (free.length === 0) return;
    const entries: ReceiptEntry[] = [];
    for (const subflow of subflows) {
      const entry = subflow.receipts.take(subflow.id, nowMs);
      if (entry !== undefined) entries.push(entry);
    }
    const carriers = onDistinctUplinks(free, RECEIPT_COPIES);
    for (let at = 0; at < entries.length; at += MAX_RECEIPT_ENTRIES) {
      const frame = encodeControl({ type: 'receipt', entries: entries.slice(at, at + MAX_RECEIPT_ENTRIES) });
      for (const subflow of carriers) subflow.append([frame], { kind: 'receipt' }, nowMs);
    }
  }

  /** A subflow with room left over is slower than it could be: there was nothing to send, or a better one to wait for. */
  #noteApplicationLimited(subflows: readonly Subflow[], nowMs: number): void {
    for (const subflow of subflows) {
      if (subflow.canTake(nowMs)) subflow.rate.onApplicationLimited(subflow.inFlightBytes);
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

/** Streams that wait for a better subflow, looked at in one turn; the rest get their look in the next. */
const MAX_SKIPPED_STREAMS = 64;

function receiptCarriers(subflows: readonly Subflow[]): readonly Subflow[] {
  const trusted = trustedSubflows(subflows);
  return trusted.length > 0 ? trusted : subflows;
}

function byDeliveryTime(subflows: readonly Subflow[]): readonly Subflow[] {
  if (subflows.length < 2) return subflows;
  return [...subflows].sort(
    (a, b) => deliveryTimeMs(a, CONTROL_FRAME_BYTES) - deliveryTimeMs(b, CONTROL_FRAME_BYTES),
  );
}

function largestSegment(subflows: readonly Subflow[]): number {
  let largest = 0;
  for (const { segmentBytes } of subflows) largest = Math.max(largest, segmentBytes);
  return largest;
}
