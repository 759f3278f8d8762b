import type { Destination } from '../destination.ts';
import { ERROR_CODE, type ErrorName, StreamError } from '../errors.ts';
import type { OutgoingChunk } from '../memory/chunk.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import type { Now } from '../now.ts';
import { DEFAULT_MODE, rowOf } from '../steering/modes.ts';
import { checkPolicy, isModeAlone } from '../steering/policy-frame.ts';
import type { LeavingPolicy, SessionSteering } from '../steering/session-steering.ts';
import { askedOfPeer, type StreamPolicy } from '../steering/steering-policy.ts';
import { hasRoomForStream, type Stream } from '../stream/stream.ts';
import type { DelayRecord } from '../stream/stream-delays.ts';
import type { UplinkView } from '../subflow/subflow-view.ts';
import type { CarriedBytes } from '../uplink/carried-bytes.ts';
import { Backlog } from './backlog.ts';
import type { CoreTuning } from './core-tuning.ts';
import { Embryos } from './embryos.ts';
import type { SessionEvent } from './events.ts';
import { LiveStreams } from './live-streams.ts';
import type { DataItem, SessionSubflow } from './sent-item.ts';
import type { StreamCommands, Visit } from './stream-commands.ts';
import { StreamFrames } from './stream-frames.ts';
import { StreamTables } from './stream-tables.ts';
import type { Transmitter } from './transmitter.ts';
import { steeredSubflows } from './trusted-subflows.ts';

/** What the frame can say; the least is 1. */
const MAX_KEEP_ALIVE_SECONDS = 0xffff;

export interface SessionStreamsOptions {
  readonly role: 'client' | 'concentrator';
  readonly maxStreams: number;
  readonly firstWindowBytes: number;
  readonly lingerMs: number;
  readonly memory: MemoryBudget;
  readonly now: Now;
  readonly tuning: CoreTuning;
  readonly steering: SessionSteering;
  readonly delays: DelayRecord;
}

/** What the streams need of their session. */
export interface StreamsHost {
  readonly subflows: readonly SessionSubflow[];
  /** No new streams are opened, */
  readonly opensNone: boolean;
  /** or taken from the peer. */
  readonly takesNone: boolean;
  emit(event: SessionEvent): void;
}

/** The streams of one session, for the applications behind them: opening, bytes, flow control, ending (SPEC.md section 6). */
export class SessionStreams implements StreamCommands {
  /** For what the peer sends. */
  readonly frames: StreamFrames;
  readonly #options: SessionStreamsOptions;
  readonly #host: StreamsHost;
  readonly #transmitter: Transmitter;
  readonly #tables: StreamTables;
  readonly #live: LiveStreams;
  readonly #backlog: Backlog;

  constructor(options: SessionStreamsOptions, host: StreamsHost, transmitter: Transmitter) {
    this.#options = options;
    this.#host = host;
    this.#transmitter = transmitter;
    const { role, maxStreams, memory, now, tuning } = options;
    const tables = new StreamTables(role, maxStreams);
    const unsent = { bytes: 0 };
    const backlog = new Backlog(tuning.backlog, memory, {
      get bytes() {
        return unsent.bytes;
      },
      get subflows() {
        return host.subflows;
      },
      streams: () => tables.all(),
      tellWritable: (streamId) => host.emit({ type: 'stream-writable', streamId }),
      tellBlocked: (streamId) => host.emit({ type: 'stream-blocked', streamId }),
    });
    const embryos = new Embryos(now);
    const live = new LiveStreams({
      ...options,
      transmitter,
      tables,
      waiting: backlog,
      embryos,
      backlog: unsent,
    });
    this.#tables = tables;
    this.#backlog = backlog;
    this.#live = live;
    const framesHost = {
      get takesNone() {
        return host.takesNone;
      },
      memory,
      emit: (event: SessionEvent) => host.emit(event),
    };
    this.frames = new StreamFrames(framesHost, { live, tables, embryos, transmitter });
  }

  get count(): number {
    return this.#tables.size;
  }

  get cannotOpen(): ErrorName | undefined {
    if (this.#host.opensNone) return 'goingAway';
    return this.#tables.own.isFull || !hasRoomForStream(this.#options.memory)
      ? 'resourceExceeded'
      : undefined;
  }

  all(): IterableIterator<Stream> {
    return this.#tables.all();
  }

  /** Bytes that wait in reorder buffers. */
  get reorderBytes(): number {
    let bytes = 0;
    for (const stream of this.#tables.all()) bytes += stream.receive.bufferedBytes;
    return bytes;
  }

  carriedOf(streamId: number): readonly CarriedBytes[] {
    return this.#live.get(streamId)?.carried.all ?? [];
  }

  /** The uplinks of streams that may use no others, each choice once. */
  get boundTo(): readonly (readonly string[])[] {
    return this.#options.steering.boundTo;
  }

  /** The policies that leave an uplink out by their limits. */
  leaving(uplink: UplinkView): readonly LeavingPolicy[] {
    return this.#options.steering.leaving(uplink, (shared) => steeredSubflows(shared, this.#host.subflows));
  }

  open(destination: Destination, policy: StreamPolicy): number {
    // Throws before there is a stream.
    checkPolicy(policy);
    const stream = this.#make(policy);
    const { id } = stream;
    const asked = askedOfPeer(policy);
    this.#live.tellPeer({
      type: 'open',
      streamId: id,
      limit: stream.receive.window.limitDsn,
      mode: rowOf(asked.mode).wire,
      host: destination.host,
      port: destination.port,
    });
    if (!isModeAlone(asked)) this.#live.tellPolicy(stream, asked);
    return id;
  }

  openInbound(visit: Visit): number {
    const { id, receive } = this.#make({ mode: DEFAULT_MODE });
    this.#live.tellPeer({ type: 'inbound', streamId: id, limit: receive.window.limitDsn, ...visit });
    return id;
  }

  steer(streamId: number, policy: StreamPolicy): void {
    const stream = this.#live.get(streamId);
    checkPolicy(policy);
    if (stream === undefined) return;
    try {
      stream.steering.steer(policy);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      // It must not go on over uplinks that it may no longer use.
      this.#host.emit({ type: 'stream-failed', streamId, error: error.code });
      this.#live.reset(stream, error.code);
      return;
    }
    this.#transmitter.onSteered(stream);
    this.#live.tellPolicy(stream, askedOfPeer(policy));
  }

  keepAlive(streamId: number, seconds: number): void {
    const stream = this.#live.get(streamId);
    // The frame is the client's alone; a visitor's keep-alives end at the concentrator.
    if (stream === undefined || this.#options.role === 'concentrator') return;
    const told = Math.max(1, Math.min(MAX_KEEP_ALIVE_SECONDS, seconds));
    this.#live.tellPeer({ type: 'keepAlive', streamId, seconds: told });
  }

  accept(streamId: number): void {
    const stream = this.#live.get(streamId);
    if (stream === undefined) return;
    stream.advance('accepted');
    const { window } = stream.receive;
    window.openUp(window.limitDsn);
    this.#live.tellPeer({ type: 'opened', streamId, limit: window.limitDsn, ok: true, code: 0 });
  }

  refuse(streamId: number, error: ErrorName): void {
    const stream = this.#live.get(streamId);
    if (stream === undefined) return;
    this.#live.tellPeer({ type: 'opened', streamId, limit: 0, ok: false, code: ERROR_CODE[error] });
    this.#live.forget(stream);
  }

  write(streamId: number, chunk: OutgoingChunk): boolean {
    const stream = this.#live.get(streamId);
    // Nobody would receive it where the peer has reset the stream.
    if (stream === undefined || stream.isReset) {
      chunk.release();
      return true;
    }
    stream.send.write(chunk);
    stream.delays.onAccepted(stream.send.deliveredTo + stream.send.undeliveredBytes);
    this.#transmitter.refresh(stream);
    return this.#backlog.onWritten(stream);
  }

  end(streamId: number): void {
    const stream = this.#live.get(streamId);
    if (stream === undefined || stream.isReset) return;
    stream.send.end();
    this.#transmitter.refresh(stream);
  }

  reset(streamId: number, error: ErrorName): void {
    const stream = this.#live.get(streamId);
    if (stream !== undefined) this.#live.reset(stream, error);
  }

  undeliveredBytes(streamId: number): number | undefined {
    const stream = this.#live.get(streamId);
    if (stream === undefined) return undefined;
    const { send, phase } = stream;
    const isUnfinished = send.state === 'ending' || phase === 'opening';
    return send.undeliveredBytes + (isUnfinished ? 1 : 0);
  }

  consumed(streamId: number, bytes: number): void {
    const stream = this.#live.get(streamId);
    if (stream === undefined) return;
    if (stream.receive.consume(bytes, this.#largestRttMs())) this.#live.tellWindow(stream);
    this.#live.forgetIfDone(stream);
  }

  /** Applications that were told to wait may be read again. */
  tellWritable(): void {
    this.#backlog.tellWritable();
  }

  /** When a stream has waited for long enough without any of the uplinks that it is bound to. */
  get deadlineMs(): number {
    const { stranded } = this.#transmitter;
    if (stranded.size === 0) return Number.POSITIVE_INFINITY;
    const [first] = stranded;
    return (first?.place.strandedSinceMs ?? Number.POSITIVE_INFINITY) + this.#options.lingerMs;
  }

  /** Streams that have waited so long fail, as all do with a session that has no subflow. */
  failStranded(): void {
    const { now, lingerMs } = this.#options;
    const { stranded } = this.#transmitter;
    if (stranded.size === 0) return;
    for (const { id, place } of stranded) {
      // The same sum as in deadlineMs, so that rounding never puts it behind its own deadline.
      if (now.ms < place.strandedSinceMs + lingerMs) return;
      this.#host.emit({ type: 'stream-failed', streamId: id, error: 'uplinksLost' });
      this.reset(id, 'uplinksLost');
    }
  }

  /** All streams fail: the session is over. */
  failAll(error: ErrorName): void {
    for (const stream of [...this.#tables.all()]) {
      // Of one that the peer has reset that is told; its application may take the rest without the session.
      if (!stream.isReset) this.#host.emit({ type: 'stream-failed', streamId: stream.id, error });
      this.#live.forget(stream);
    }
  }

  /**
   * A segment was receipted.
   * @returns how many bytes more of its stream are delivered without a hole before them
   */
  onReceipted(item: DataItem): number {
    const { stream, dsn, length, fin } = item;
    const before = stream.send.deliveredTo;
    stream.delays.onReceipted(item, item.again);
    stream.send.onReceipted(dsn, length, fin);
    const inOrderBytes = stream.send.deliveredTo - before;
    if (this.#isLive(stream)) {
      this.#transmitter.refresh(stream);
      this.#live.forgetIfDone(stream);
    }
    return inOrderBytes;
  }

  /** A segment that was sent on `subflow` at `sentMs` must be sent again. */
  onLost({ stream, dsn, length, fin }: DataItem, subflow: SessionSubflow, sentMs: number): void {
    if (stream.send.onLost(dsn, length, fin) > 0) {
      stream.delays.onAgain(stream.send.firstUndelivered(dsn) ?? dsn, sentMs);
    }
    if (!this.#isLive(stream)) return;
    stream.steering.scheduler.repeats?.onLost(subflow, dsn, length);
    this.#transmitter.refresh(stream);
  }

  /** A stream of this end. @throws StreamError when `cannotOpen`, or with one steering policy too many */
  #make(policy: StreamPolicy): Stream {
    const error = this.cannotOpen;
    if (error !== undefined) throw new StreamError(error, 'the session takes no new stream');
    this.#options.steering.check(policy);
    const id = this.#tables.own.allocate();
    const sendLimitDsn = this.#options.firstWindowBytes;
    const stream = this.#live.make({ id, phase: 'opening', policy, sendLimitDsn });
    stream.receive.window.openUp(0);
    return stream;
  }

  /** Whether it is not yet forgotten: what it has sent may be under way for longer. */
  #isLive(stream: Stream): boolean {
    return this.#tables.get(stream.id) === stream;
  }

  #largestRttMs(): number {
    let largest = 0;
    for (const subflow of this.#host.subflows) largest = Math.max(largest, subflow.smoothedRttMs);
    return largest;
  }
}
