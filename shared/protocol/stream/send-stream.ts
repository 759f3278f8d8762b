import { writeDataHeader } from '../codec/frame.ts';
import { DATA_HEADER_BYTES, MAX_SEQUENCE } from '../codec/wire.ts';
import { MisuseError, StreamError } from '../errors.ts';
import type { OutgoingChunk } from '../memory/chunk.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import type { SentStream } from '../scheduler/packet-scheduler.ts';
import { StateMachine } from '../transition-table.ts';
import { type HalfState, SEND_TABLE, type SendEvent } from './half-state.ts';
import { SendBuffer } from './send-buffer.ts';
import { SendOrder } from './send-order.ts';

/** What a stream would send next. `length` may be 0 only with `fin`. */
export interface Sendable {
  readonly dsn: number;
  readonly length: number;
  /** FIN belongs behind these bytes, if all of them go in one frame. */
  readonly fin: boolean;
  /** Never sent before; otherwise it was on a subflow that is doubted or dead. */
  readonly isNew: boolean;
}

/** What the sending halves of a session share: its memory, and the sum of what they have accepted and not sent. */
export interface SendMemory {
  readonly memory: MemoryBudget;
  readonly backlog: { bytes: number };
}

/** The sending half of a stream: accepted bytes, what of them was sent, lost and delivered, and the peer's limit. */
export class SendStream implements SentStream {
  readonly #id: number;
  readonly #state: StateMachine<HalfState, SendEvent>;
  readonly #buffer: SendBuffer;
  readonly #backlog: { bytes: number };
  readonly #order = new SendOrder();
  #limitDsn: number;
  #consumedDsn = 0;
  #fin: 'none' | 'wanted' | 'underWay' | 'receipted' = 'none';

  constructor(id: number, limitDsn: number, { memory, backlog }: SendMemory) {
    this.#id = id;
    this.#buffer = new SendBuffer(memory);
    this.#backlog = backlog;
    this.#limitDsn = limitDsn;
    this.#state = new StateMachine('sending half of stream', id, SEND_TABLE, 'open');
  }

  get state(): HalfState {
    return this.#state.state;
  }

  get isDone(): boolean {
    return this.state === 'done';
  }

  /** Accepted and not yet sent. */
  get backlogBytes(): number {
    return this.#buffer.endDsn - this.#order.nextDsn - this.#order.aheadBytes;
  }

  /** Sent, or accepted, and not yet known to be delivered up to the first hole; none after a reset. */
  get undeliveredBytes(): number {
    return this.isDone ? 0 : this.#buffer.endDsn - this.#buffer.deliveredTo;
  }

  get sentBytes(): number {
    return this.#order.nextDsn;
  }

  get deliveredTo(): number {
    return this.#buffer.deliveredTo;
  }

  get windowLeftBytes(): number {
    return this.#limitDsn - this.#order.nextDsn;
  }

  get isWindowBlocked(): boolean {
    return this.backlogBytes > 0 && this.windowLeftBytes === 0;
  }

  /** The window is closed by a hole and not by an application that reads slowly: more lies behind the hole than is unread. */
  get isHeldUp(): boolean {
    return this.isWindowBlocked && this.sentBytes - this.deliveredTo > this.deliveredTo - this.#consumedDsn;
  }

  /** Everything accepted was sent, and some of it is still under way: nothing but a copy can speed it up. */
  get isTail(): boolean {
    return this.backlogBytes === 0 && this.undeliveredBytes > 0;
  }

  /** Whether the application has ended, so that `backlogBytes` is all that will ever come. */
  get endIsKnown(): boolean {
    return this.#fin !== 'none';
  }

  get finIsUnderWay(): boolean {
    return this.#fin === 'underWay';
  }

  /** @throws MisuseError after `end`; StreamError past 2^53 - 1. */
  write(chunk: OutgoingChunk): void {
    if (this.#fin !== 'none') throw new MisuseError(`stream ${this.#id}: write after end`);
    if (this.#buffer.endDsn + chunk.bytes.length > MAX_SEQUENCE) {
      throw new StreamError('resourceExceeded', `stream ${this.#id} has used up its data sequence numbers`);
    }
    this.#backlog.bytes += chunk.bytes.length;
    this.#buffer.append(chunk);
  }

  end(): void {
    this.#state.apply('end');
    this.#fin = 'wanted';
  }

  /** Ends at once and gives all memory back. */
  reset(): void {
    this.#state.apply('reset');
    this.#backlog.bytes -= this.backlogBytes;
    this.#buffer.releaseAll();
    this.#order.end(this.#buffer.endDsn);
    this.#fin = 'receipted';
  }

  raiseLimit(limitDsn: number): void {
    this.#limitDsn = Math.max(this.#limitDsn, limitDsn);
  }

  /** The far application has taken all below `dsn`. */
  onConsumed(dsn: number): void {
    this.#consumedDsn = Math.max(this.#consumedDsn, dsn);
  }

  /** What is to be sent next: lost bytes first, unless they are left in peace, lowest DSN first. */
  next(isLostLeft = false): Sendable | undefined {
    const lost = isLostLeft ? undefined : this.#order.lost.first();
    if (lost !== undefined) {
      const fin = this.#fin === 'wanted' && this.backlogBytes === 0 && lost.end === this.#buffer.endDsn;
      return { dsn: lost.start, length: lost.end - lost.start, fin, isNew: false };
    }
    const { nextDsn } = this.#order;
    const { endDsn } = this.#buffer;
    const length = Math.min(this.#order.unsentBytes(endDsn), this.windowLeftBytes);
    const fin = this.#fin === 'wanted' && nextDsn + length === endDsn;
    return length > 0 || fin ? { dsn: nextDsn, length, fin, isNew: true } : undefined;
  }

  /**
   * What may be sent in the place of what is next, so that about `skipBytes` lie between them. Where there are not so many, or
   * the peer's window ends before, it is the last `lengthBytes`; undefined where these are what is next.
   */
  ahead(skipBytes: number, lengthBytes: number): Sendable | undefined {
    const end = Math.min(this.#buffer.endDsn, this.#limitDsn);
    const { nextDsn } = this.#order;
    const from = Math.min(nextDsn + Math.round(skipBytes), end - lengthBytes);
    const gap = from > nextDsn ? this.#order.firstUnsent(from, end) : undefined;
    return gap && { dsn: gap.start, length: gap.end - gap.start, fin: false, isNew: true };
  }

  /** How many of the `most` bytes from `dsn` on go in one frame. */
  frameBytes(dsn: number, most: number): number {
    return this.#buffer.frameBytes(dsn, most);
  }

  /**
   * Notes [dsn, dsn + length) as sent.
   * @returns the DATA frame; one buffer where the memory in front of the bytes could take the header
   */
  take(dsn: number, length: number, fin: boolean): Uint8Array[] {
    const isNew = this.#order.take(dsn, length);
    if (isNew) this.#backlog.bytes -= length;
    if (fin) this.#fin = 'underWay';
    // Only the first sending writes into the headroom: a copy may be cut differently while the first still waits.
    const chunk = isNew ? this.#buffer.wholeChunk(dsn, length, DATA_HEADER_BYTES) : undefined;
    return chunk === undefined ? this.copy(dsn, length, fin) : frameInPlace(this.#id, dsn, chunk, fin);
  }

  /** The DATA frame of bytes that are under way already: a second copy for another subflow. */
  copy(dsn: number, length: number, fin: boolean): Uint8Array[] {
    const header = new Uint8Array(DATA_HEADER_BYTES);
    writeDataHeader(header, 0, this.#id, dsn, length, fin);
    return length === 0 ? [header] : [header, ...this.#buffer.slices(dsn, length)];
  }

  onReceipted(dsn: number, length: number, fin: boolean): void {
    if (this.isDone) return;
    this.#buffer.markDelivered(dsn, dsn + length);
    this.#order.lost.remove(dsn, dsn + length);
    if (fin) this.#fin = 'receipted';
    if (this.#fin === 'receipted' && this.undeliveredBytes === 0) this.#state.apply('allReceipted');
  }

  /** The subflow that carried this is doubted or dead. @returns bytes that must be sent again */
  onLost(dsn: number, length: number, fin: boolean): number {
    if (this.isDone) return 0;
    if (fin && this.#fin === 'underWay') this.#fin = 'wanted';
    let lostBytes = 0;
    for (const { start, end } of this.#buffer.undelivered(dsn, dsn + length)) {
      this.#order.lost.add(start, end);
      lostBytes += end - start;
    }
    return lostBytes;
  }

  onUnderWayElsewhere(start: number, end: number): void {
    this.#order.lost.remove(start, end);
  }

  firstUndelivered(dsn: number): number | undefined {
    return this.#buffer.firstUndelivered(dsn, this.#order.nextDsn);
  }

  /** Whether any of [dsn, dsn + length) is still wanted. */
  isUndelivered(dsn: number, length: number): boolean {
    return !this.isDone && this.#buffer.firstUndelivered(dsn, dsn + length) !== undefined;
  }
}

/** @param chunk is exactly the bytes of the frame, and has room for the header in front of them */
function frameInPlace(id: number, dsn: number, { bytes }: OutgoingChunk, fin: boolean): Uint8Array[] {
  const { buffer, byteOffset, length } = bytes;
  const frame = new Uint8Array(buffer, byteOffset - DATA_HEADER_BYTES, DATA_HEADER_BYTES + length);
  writeDataHeader(frame, 0, id, dsn, length, fin);
  return [frame];
}
