import type { InboundFrame } from '../codec/inbound-frames.ts';
import type { SteeringFrame } from '../codec/steering-frame.ts';
import type { Destination } from '../destination.ts';
import { ERROR_CODE, type ErrorName, errorName, StreamError } from '../errors.ts';
import { type Chunk, OwnBytes, type ReceivedChunk } from '../memory/chunk.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import { DEFAULT_MODE, type SteeringMode } from '../steering/modes.ts';
import { policyOfFrame } from '../steering/policy-frame.ts';
import { hasRoomForStream, type Stream } from '../stream/stream.ts';
import type { Embryos } from './embryos.ts';
import type { SessionEvent } from './events.ts';
import type { LiveStreams } from './live-streams.ts';
import type { StreamTables } from './stream-tables.ts';
import type { Transmitter } from './transmitter.ts';

/** What the frames of streams need of their session. */
export interface StreamFramesHost {
  /** No new streams are taken from the peer. */
  readonly takesNone: boolean;
  readonly memory: MemoryBudget;
  emit(event: SessionEvent): void;
}

/** What the peer's frames do to the streams of a session (SPEC.md section 6). */
export class StreamFrames {
  readonly #host: StreamFramesHost;
  readonly #live: LiveStreams;
  readonly #tables: StreamTables;
  readonly #embryos: Embryos;
  readonly #transmitter: Transmitter;
  /** The name of the uplink that what is received now comes on. */
  source = '';

  constructor(
    host: StreamFramesHost,
    parts: { live: LiveStreams; tables: StreamTables; embryos: Embryos; transmitter: Transmitter },
  ) {
    this.#host = host;
    this.#live = parts.live;
    this.#tables = parts.tables;
    this.#embryos = parts.embryos;
    this.#transmitter = parts.transmitter;
  }

  /** A piece of a DATA frame, which is a part of `received`. */
  onData(streamId: number, dsn: number, payload: Uint8Array, fin: boolean, received: ReceivedChunk): void {
    const stream = this.#live.getOrMake(streamId, 'early');
    if (stream === undefined) return;
    if (stream.phase === 'opening') this.#noteOpened(stream);
    stream.carried.of(this.source).receivedBytes += payload.length;
    const chunks = stream.receive.receive(dsn, payload, fin, received);
    if (!stream.receive.takeMemory()) {
      for (const chunk of chunks) chunk.release();
      this.#host.memory.onRefused();
      this.#fail(stream, 'resourceExceeded');
      return;
    }
    for (const chunk of chunks) {
      if (stream.phase !== 'embryonic') this.#host.emit({ type: 'stream-data', streamId, chunk });
      else if (!this.#keepEarly(stream, chunk)) return;
    }
    if (stream.receive.takeEnd()) {
      if (stream.phase === 'embryonic') stream.early.isEnded = true;
      else this.#host.emit({ type: 'stream-ended', streamId });
      this.#live.forgetIfDone(stream);
    }
  }

  onOpen(streamId: number, limitDsn: number, mode: SteeringMode, { host, port }: Destination): void {
    const stream = this.#begin(streamId, limitDsn, mode);
    if (stream === undefined) return;
    this.#host.emit({ type: 'stream-requested', streamId, destination: { host, port }, mode });
    this.#tellEarly(stream);
  }

  onInbound({ type: _, streamId, limit, ...visit }: InboundFrame): void {
    const stream = this.#begin(streamId, limit, DEFAULT_MODE);
    if (stream === undefined) return;
    this.#host.emit({ type: 'stream-inbound', streamId, visit });
    this.#tellEarly(stream);
  }

  /** The peer opens a stream. @returns undefined for a repeat, or when it is refused */
  #begin(streamId: number, limitDsn: number, mode: SteeringMode): Stream | undefined {
    const stream = this.#live.getOrMake(streamId, 'open');
    // A repeat, or a stream that was reset before its OPEN arrived.
    if (stream === undefined || stream.phase !== 'embryonic') return undefined;
    if (stream.steering.generation === 0) stream.steering.steer({ mode });
    stream.send.raiseLimit(limitDsn);
    stream.advance('openReceived');
    this.#embryos.delete(stream);
    const refusal = this.#whyNot();
    if (refusal !== undefined) {
      this.#live.tellPeer({ type: 'opened', streamId, limit: 0, ok: false, code: ERROR_CODE[refusal] });
      this.#live.forget(stream);
      return undefined;
    }
    this.#forgetSuperfluous();
    return stream;
  }

  /** What came in front of OPEN. */
  #tellEarly({ id: streamId, early }: Stream): void {
    for (const bytes of early.bytes.take()) {
      this.#host.emit({ type: 'stream-data', streamId, chunk: new OwnBytes(bytes) });
    }
    if (early.isEnded) this.#host.emit({ type: 'stream-ended', streamId });
  }

  /** May overtake its OPEN, and other STEERING of the same stream. */
  onSteering(frame: SteeringFrame): void {
    const stream = this.#live.getOrMake(frame.streamId, 'early');
    if (stream === undefined || frame.generation <= stream.steering.generation) return;
    stream.steering.generation = frame.generation;
    try {
      stream.steering.steer(policyOfFrame(frame));
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      const { id: streamId, phase } = stream;
      if (phase !== 'embryonic') this.#host.emit({ type: 'stream-failed', streamId, error: error.code });
      this.#live.reset(stream, error.code);
      return;
    }
    this.#transmitter.onSteered(stream);
  }

  onOpened(streamId: number, limitDsn: number, ok: boolean, code: number): void {
    const stream = this.#live.get(streamId);
    if (stream === undefined) return;
    if (!ok) {
      const isRefused = stream.phase === 'opening';
      this.#host.emit({ type: 'stream-failed', streamId, error: errorName(code), isRefused });
      this.#live.forget(stream);
      return;
    }
    if (stream.phase === 'opening') this.#noteOpened(stream);
    stream.send.raiseLimit(limitDsn);
    this.#transmitter.refresh(stream);
  }

  onWindow(streamId: number, ackDsn: number, limitDsn: number): void {
    const stream = this.#live.get(streamId);
    if (stream === undefined) return;
    stream.send.onConsumed(ackDsn);
    stream.send.raiseLimit(limitDsn);
    this.#transmitter.refresh(stream);
  }

  onKeepAlive(streamId: number, seconds: number): void {
    if (this.#live.get(streamId)?.phase === 'open')
      this.#host.emit({ type: 'stream-keep-alive', streamId, seconds });
  }

  onReset(streamId: number, code: number): void {
    const stream = this.#live.get(streamId);
    if (stream === undefined) {
      // Its OPEN, still under way on another subflow, will find it closed.
      const { peers } = this.#tables;
      if (this.#tables.of(streamId) === peers) peers.claim(streamId);
      return;
    }
    if (stream.isReset) return;
    stream.isReset = true;
    const failed = { type: 'stream-failed', streamId, error: errorName(code) } as const;
    if (stream.phase === 'open' && stream.receive.hasToldEnd) {
      // Behind its end the peer only says that it is gone: what it had sent is still wanted.
      this.#host.emit({ ...failed, hasAll: true });
      this.#live.stopSending(stream);
    } else {
      this.#host.emit(failed);
      this.#live.forget(stream);
    }
  }

  /** Origins that have not taken all of streams that are long over for the peer: the oldest gives way to a new one. */
  #forgetSuperfluous(): void {
    const stream = this.#tables.peers.superfluous;
    if (stream === undefined) return;
    this.#host.emit({ type: 'stream-failed', streamId: stream.id, error: 'resourceExceeded' });
    this.#live.forget(stream);
  }

  /** Streams whose OPEN has not come in time end. */
  endEmbryos(): void {
    for (const stream of this.#embryos.expired()) this.#fail(stream, 'timedOut');
  }

  /** Why a stream cannot be opened now. */
  #whyNot(): ErrorName | undefined {
    if (this.#host.takesNone) return 'goingAway';
    const { peers } = this.#tables;
    if (peers.unsettledCount - this.#embryos.count > peers.most) return 'resourceExceeded';
    if (hasRoomForStream(this.#host.memory)) return undefined;
    this.#host.memory.onRefused();
    return 'resourceExceeded';
  }

  /** Ends the stream at both ends; nobody knows of one before its OPEN. */
  #fail(stream: Stream, error: ErrorName): void {
    if (stream.phase !== 'embryonic') {
      this.#host.emit({ type: 'stream-failed', streamId: stream.id, error });
    }
    this.#live.reset(stream, error);
  }

  /**
   * What came in front of OPEN is told behind `stream-requested`. A copy, as in the reorder buffer: it may wait for long, and
   * would keep all that was read with it.
   * @returns false when the stream has ended: there is too much of it
   */
  #keepEarly(stream: Stream, chunk: Chunk): boolean {
    const isKept = this.#embryos.keep(stream, chunk.bytes);
    chunk.release();
    if (!isKept) this.#fail(stream, 'resourceExceeded');
    return isKept;
  }

  /** OPENED, or DATA that overtook it: either says that the origin is connected. */
  #noteOpened(stream: Stream): void {
    stream.advance('opened');
    this.#host.emit({ type: 'stream-opened', streamId: stream.id });
  }
}
