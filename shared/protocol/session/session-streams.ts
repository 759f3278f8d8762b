import type { ControlFrame } from '../codec/frame.ts';
import type { SteeringFrame } from '../codec/steering-frame.ts';
import { STEERING_MODE, type SteeringMode } from '../codec/wire.ts';
import { controlItem } from '../control/control-item.ts';
import type { Destination } from '../destination.ts';
import { ERROR_CODE, type ErrorName, errorName, ProtocolViolation, StreamError } from '../errors.ts';
import type { Now } from '../now.ts';
import { frameOfPolicy, isModeAlone, policyOfFrame } from '../steering/policy-frame.ts';
import type { SteeringPolicy } from '../steering/steering-policy.ts';
import { ReceiveStream } from '../stream/receive-stream.ts';
import type { OutgoingChunk } from '../stream/send-buffer.ts';
import { SendStream } from '../stream/send-stream.ts';
import type { Subflow } from '../subflow/subflow.ts';
import {
  BACKLOG_MS,
  MAX_BACKLOG_BYTES,
  MAX_REORDER_ENTRIES,
  MAX_SESSION_BACKLOG_BYTES,
  MAX_SESSION_UNDELIVERED_BYTES,
  MIN_BACKLOG_BYTES,
} from '../tunables.ts';
import type { SessionEvent } from './events.ts';
import type { SessionOptions } from './session.ts';
import { Stream } from './stream.ts';
import type { StreamCommands } from './stream-commands.ts';
import { StreamTable } from './stream-table.ts';
import type { Transmitter } from './transmitter.ts';

/** What the streams need of their session. */
export interface StreamsHost {
  readonly now: Now;
  readonly subflows: readonly Subflow[];
  /** No new streams are taken. */
  readonly isGoingAway: boolean;
  emit(event: SessionEvent): void;
}

/** The streams of one session: opening, bytes both ways, flow control, ending (SPEC.md section 6). */
export class SessionStreams implements StreamCommands {
  readonly #options: SessionOptions;
  readonly #host: StreamsHost;
  readonly #transmitter: Transmitter;
  readonly #table: StreamTable;
  /** Their applications were told to wait and want to hear when they may go on. */
  readonly #waiting = new Set<Stream>();
  /** Accepted from all applications, and not known to be delivered up to the first hole of their streams. */
  #undeliveredBytes = 0;

  constructor(options: SessionOptions, host: StreamsHost, transmitter: Transmitter) {
    this.#options = options;
    this.#host = host;
    this.#transmitter = transmitter;
    this.#table = new StreamTable(options.maxStreams);
  }

  get count(): number {
    return this.#table.size;
  }

  get cannotOpen(): ErrorName | undefined {
    if (this.#host.isGoingAway) return 'goingAway';
    return this.#table.isFull ? 'resourceExceeded' : undefined;
  }

  all(): IterableIterator<Stream> {
    return this.#table.all();
  }

  /** Bytes that wait in reorder buffers. */
  get reorderBytes(): number {
    let bytes = 0;
    for (const stream of this.#table.all()) bytes += stream.receive.bufferedBytes;
    return bytes;
  }

  get boundTo(): readonly (readonly string[])[] {
    const bound = new Set<readonly string[]>();
    for (const { policy } of this.#table.all()) if (policy.only !== undefined) bound.add(policy.only);
    return [...bound];
  }

  // --- from the application ---

  /**
   * Client: opens a stream; its first bytes may follow at once.
   * @throws StreamError when `cannotOpen`
   */
  open(destination: Destination, policy: SteeringPolicy): number {
    const error = this.cannotOpen;
    if (error !== undefined) throw new StreamError(error, 'the session takes no new stream');
    // Throws for a policy that no frame can say, before there is a stream.
    if (!isModeAlone(policy)) frameOfPolicy(policy, 0, 1);
    const id = this.#table.allocate();
    const stream = this.#makeStream(id, 'opening', policy, this.#options.firstWindowBytes);
    stream.receive.window.openUp();
    this.#queueControl({
      type: 'open',
      streamId: id,
      limit: stream.receive.window.limitDsn,
      mode: STEERING_MODE[policy.mode],
      host: destination.host,
      port: destination.port,
    });
    if (!isModeAlone(policy)) this.#queueSteering(stream);
    return id;
  }

  /** Client: another policy for a stream; without effect when it is gone. */
  steer(streamId: number, policy: SteeringPolicy): void {
    const stream = this.#table.get(streamId);
    frameOfPolicy(policy, streamId, 1);
    if (stream === undefined) return;
    stream.steer(policy);
    this.#transmitter.onSteered(stream);
    this.#queueSteering(stream);
  }

  /** Concentrator: the origin is connected. */
  accept(streamId: number): void {
    const stream = this.#table.get(streamId);
    if (stream === undefined) return;
    stream.advance('accepted');
    const { window } = stream.receive;
    window.openUp();
    this.#queueControl({ type: 'opened', streamId, limit: window.limitDsn, ok: true, code: 0 });
  }

  /** Concentrator: the origin can not be had. */
  refuse(streamId: number, error: ErrorName): void {
    const stream = this.#table.get(streamId);
    if (stream === undefined) return;
    this.#queueControl({ type: 'opened', streamId, limit: 0, ok: false, code: ERROR_CODE[error] });
    this.#forget(stream);
  }

  /**
   * Sends bytes of a stream; without effect when it is gone.
   * @returns false when the application should not be read until `stream-writable`
   */
  write(streamId: number, chunk: OutgoingChunk): boolean {
    const stream = this.#table.get(streamId);
    if (stream === undefined) {
      chunk.release();
      return true;
    }
    stream.send.write(chunk);
    this.#undeliveredBytes += chunk.bytes.length;
    this.#transmitter.refresh(stream);
    const hasRoom = this.#hasMemory && stream.send.backlogBytes < this.#backlogLimitBytes();
    if (!hasRoom) this.#waiting.add(stream);
    return hasRoom;
  }

  /** The application has finished sending. */
  end(streamId: number): void {
    const stream = this.#table.get(streamId);
    if (stream === undefined) return;
    stream.send.end();
    this.#transmitter.refresh(stream);
  }

  /** Ends both directions of a stream at once and tells the peer. */
  reset(streamId: number, error: ErrorName): void {
    const stream = this.#table.get(streamId);
    if (stream === undefined) return;
    this.#queueControl({ type: 'reset', streamId, code: ERROR_CODE[error] });
    this.#forget(stream);
  }

  /** The application has taken `bytes` of what `stream-data` brought. */
  consumed(streamId: number, bytes: number): void {
    const stream = this.#table.get(streamId);
    if (stream === undefined) return;
    if (stream.receive.consume(bytes, this.#host.now.ms, this.#largestRttMs())) this.#queueWindow(stream);
    this.#forgetIfDone(stream);
  }

  /** Applications that were told to wait may be read again. */
  tellWritable(): void {
    if (this.#waiting.size === 0 || !this.#hasMemory) return;
    const limit = this.#backlogLimitBytes();
    for (const stream of this.#waiting) {
      if (stream.send.backlogBytes >= limit) continue;
      this.#waiting.delete(stream);
      this.#host.emit({ type: 'stream-writable', streamId: stream.id });
    }
  }

  /** When a stream has waited for long enough without any of the uplinks that it is bound to. */
  get deadlineMs(): number {
    const { stranded } = this.#transmitter;
    if (stranded.size === 0) return Number.POSITIVE_INFINITY;
    let first = Number.POSITIVE_INFINITY;
    for (const sinceMs of stranded.values()) first = Math.min(first, sinceMs);
    return first + this.#options.lingerMs;
  }

  /** Streams that have waited so long fail, as all do with a session that has no subflow. */
  failStranded(): void {
    if (this.#host.now.ms < this.deadlineMs) return;
    for (const [stream, sinceMs] of [...this.#transmitter.stranded]) {
      // The same sum as in deadlineMs, so that rounding never puts it behind its own deadline.
      if (this.#host.now.ms < sinceMs + this.#options.lingerMs) continue;
      this.#host.emit({ type: 'stream-failed', streamId: stream.id, error: 'uplinksLost' });
      this.reset(stream.id, 'uplinksLost');
    }
  }

  /** All streams fail: the session is over. */
  failAll(error: ErrorName): void {
    for (const stream of [...this.#table.all()]) {
      this.#host.emit({ type: 'stream-failed', streamId: stream.id, error });
      this.#forget(stream);
    }
  }

  // --- from the peer ---

  /** @returns how much of `payload`'s own memory was handed on; the rest is needed no more */
  onData(streamId: number, dsn: number, payload: Uint8Array, fin: boolean): number {
    const stream = this.#table.get(streamId) ?? this.#makeEmbryo(streamId);
    if (stream === undefined) return 0;
    let handedOnBytes = 0;
    if (stream.phase === 'opening') this.#noteOpened(stream);
    // Before OPEN a copy, as in the reorder buffer: it may wait for long, and would keep all that was read with it.
    const mustCopy = stream.phase === 'embryonic';
    for (const ready of stream.receive.receive(dsn, payload, fin)) {
      const bytes = mustCopy ? new Uint8Array(ready) : ready;
      if (bytes.buffer === payload.buffer) handedOnBytes += bytes.length;
      this.#tell(stream, { type: 'stream-data', streamId, bytes });
    }
    if (stream.receive.takeEnd()) {
      this.#tell(stream, { type: 'stream-ended', streamId });
      this.#forgetIfDone(stream);
    }
    return handedOnBytes;
  }

  /** Nobody knows of a stream before its OPEN: what came in front of it is told behind `stream-requested`. */
  #tell(stream: Stream, event: SessionEvent): void {
    if (stream.phase !== 'embryonic') {
      this.#host.emit(event);
      return;
    }
    if (stream.beforeOpen.length >= MAX_REORDER_ENTRIES) {
      throw new ProtocolViolation(`stream ${stream.id}: too many pieces before OPEN`, 'resourceExceeded');
    }
    stream.beforeOpen.push(event);
  }

  onOpen(streamId: number, limit: number, mode: SteeringMode, destination: Destination): void {
    const stream = this.#table.get(streamId) ?? this.#makeEmbryo(streamId);
    // A repeat, or a stream that was reset before its OPEN arrived.
    if (stream === undefined || stream.phase !== 'embryonic') return;
    if (stream.steeringGeneration === 0) stream.steer({ mode });
    stream.send.raiseLimit(limit);
    stream.advance('openReceived');
    if (this.#host.isGoingAway) {
      this.refuse(streamId, 'goingAway');
    } else {
      // More than maxStreams for a moment is no fault: the client may know sooner which ones have ended.
      const { host, port } = destination;
      this.#host.emit({ type: 'stream-requested', streamId, destination: { host, port }, mode });
      for (const event of stream.beforeOpen.splice(0)) this.#host.emit(event);
    }
  }

  /** May overtake its OPEN, and other STEERING of the same stream. */
  onSteering(frame: SteeringFrame): void {
    const stream = this.#table.get(frame.streamId) ?? this.#makeEmbryo(frame.streamId);
    if (stream === undefined || frame.generation <= stream.steeringGeneration) return;
    stream.steeringGeneration = frame.generation;
    stream.steer(policyOfFrame(frame));
    this.#transmitter.onSteered(stream);
  }

  onOpened(streamId: number, limit: number, ok: boolean, code: number): void {
    const stream = this.#table.get(streamId);
    if (stream === undefined) return;
    if (!ok) {
      this.#host.emit({ type: 'stream-failed', streamId, error: errorName(code) });
      this.#forget(stream);
      return;
    }
    if (stream.phase === 'opening') this.#noteOpened(stream);
    stream.send.raiseLimit(limit);
    this.#transmitter.refresh(stream);
  }

  /** OPENED, or DATA that overtook it: either says that the origin is connected. */
  #noteOpened(stream: Stream): void {
    stream.advance('opened');
    this.#host.emit({ type: 'stream-opened', streamId: stream.id });
  }

  onWindow(streamId: number, ack: number, limit: number): void {
    const stream = this.#table.get(streamId);
    if (stream === undefined) return;
    stream.send.onConsumed(ack);
    stream.send.raiseLimit(limit);
    this.#transmitter.refresh(stream);
  }

  onReset(streamId: number, code: number): void {
    const stream = this.#table.get(streamId);
    if (stream === undefined) {
      // Its OPEN, still under way on another subflow, will find it closed.
      if (this.#options.role === 'concentrator') this.#table.claim(streamId);
      return;
    }
    this.#host.emit({ type: 'stream-failed', streamId, error: errorName(code) });
    this.#forget(stream);
  }

  /** Bytes of the stream were receipted; of them and those before it, so many more are delivered without a hole before them. */
  onReceipted(send: SendStream, inOrderBytes: number): void {
    this.#undeliveredBytes -= inOrderBytes;
    const stream = this.#table.get(send.id);
    if (stream === undefined) return;
    this.#transmitter.refresh(stream);
    this.#forgetIfDone(stream);
  }

  /** Bytes of the stream that were under way on `subflow` must be sent again. */
  onLost(send: SendStream, subflow: Subflow, dsn: number, length: number): void {
    const stream = this.#table.get(send.id);
    if (stream === undefined) return;
    stream.redundancy?.onLost(subflow, send, dsn, length);
    this.#transmitter.refresh(stream);
  }

  // --- helpers ---

  /** A stream whose DATA or OPEN is the first that is seen of it; undefined when it is closed already. */
  #makeEmbryo(id: number): Stream | undefined {
    if (this.#options.role === 'client') return undefined;
    return this.#table.claim(id) ? this.#makeStream(id, 'embryonic', { mode: 'aggregate' }, 0) : undefined;
  }

  #makeStream(id: number, phase: 'opening' | 'embryonic', policy: SteeringPolicy, sendLimit: number): Stream {
    const receive = new ReceiveStream(id, this.#options.memory, this.#host.now.ms);
    const stream = new Stream(new SendStream(id, sendLimit), receive, phase, policy);
    this.#table.add(stream);
    return stream;
  }

  #forgetIfDone(stream: Stream): void {
    if (stream.isDone) this.#forget(stream);
  }

  #forget(stream: Stream): void {
    this.#undeliveredBytes -= stream.send.undeliveredBytes;
    stream.send.reset();
    stream.receive.reset();
    this.#transmitter.refresh(stream);
    this.#waiting.delete(stream);
    this.#table.delete(stream.id);
  }

  #queueControl(frame: ControlFrame): void {
    this.#transmitter.control.push(controlItem(frame));
  }

  /** The peer's half of the stream follows the same policy. */
  #queueSteering(stream: Stream): void {
    const generation = ++stream.steeringGeneration;
    const frame = frameOfPolicy(stream.policy, stream.id, generation);
    const isCurrent = () => generation === stream.steeringGeneration && !stream.isDone;
    this.#transmitter.control.push(controlItem(frame, 2, isCurrent));
  }

  #queueWindow(stream: Stream): void {
    const { window } = stream.receive;
    const limit = window.limitDsn;
    const frame = { type: 'window', streamId: stream.id, ack: window.consumedBytes, limit } as const;
    const isCurrent = () => window.limitDsn === limit && stream.receive.state === 'open';
    this.#transmitter.control.push(controlItem(frame, 2, isCurrent));
  }

  /** A peer may grant any window, and leave out the byte that the memory of all behind it waits for. */
  get #hasMemory(): boolean {
    return this.#undeliveredBytes < MAX_SESSION_UNDELIVERED_BYTES;
  }

  /** What of one application may wait here: a little, or what all uplinks send in BACKLOG_MS, within a share of what the session may. */
  #backlogLimitBytes(): number {
    let rate = 0;
    for (const subflow of this.#host.subflows) rate += subflow.rateBytesPerSecond;
    const shareBytes = MAX_SESSION_BACKLOG_BYTES / Math.max(1, this.#table.size);
    const most = Math.min((rate * BACKLOG_MS) / 1000, MAX_BACKLOG_BYTES, shareBytes);
    return Math.max(most, MIN_BACKLOG_BYTES);
  }

  #largestRttMs(): number {
    let largest = 0;
    for (const subflow of this.#host.subflows) largest = Math.max(largest, subflow.smoothedRttMs);
    return largest;
  }
}
