import { encodeControl } from '../codec/frame.ts';
import type { FrameSink } from '../codec/frame-parser.ts';
import { controlItem } from '../control/control-item.ts';
import { MAX_CONTROL_PER_STREAM } from '../control/control-queue.ts';
import { DatagramPlane } from '../datagram/plane/datagram-plane.ts';
import { ERROR_CODE, type ErrorName, ProtocolViolation } from '../errors.ts';
import { OwnBytes, type ReceivedChunk } from '../memory/chunk.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import { SessionClock } from '../now.ts';
import type { Role } from '../role.ts';
import { SessionSteering } from '../steering/session-steering.ts';
import { FLOOR_WINDOW_BYTES } from '../stream/receive-window.ts';
import { DelayRecord } from '../stream/stream-delays.ts';
import type { MakeCongestionController } from '../subflow/congestion-controller.ts';
import { DeliveryRateController } from '../subflow/delivery-rate-controller.ts';
import { SharedHostLag } from '../subflow/shared-host-lag.ts';
import type { UplinkCommands } from '../uplink/uplinks.ts';
import { type AnnouncedAddress, Announcements } from './announcements.ts';
import { ControlFrames } from './control-frames.ts';
import { type CoreTuning, DEFAULT_TUNING } from './core-tuning.ts';
import type { SessionEvent } from './events.ts';
import { Publications } from './publications.ts';
import { SessionStreams } from './session-streams.ts';
import { SessionSubflows, type SubflowCommands } from './session-subflows.ts';
import { type SessionSnapshot, subflowSnapshot, uplinkSnapshot } from './snapshot.ts';
import type { StreamCommands } from './stream-commands.ts';
import { Transmitter } from './transmitter.ts';
import { UnansweredFrames } from './unanswered-frames.ts';

export interface SessionOptions {
  readonly role: Role;
  /** Most streams open at once, as in WELCOME. */
  readonly maxStreams: number;
  /** How far the end that opens a stream sends in it before OPENED, as in WELCOME. */
  readonly firstWindowBytes: number;
  /** How long the session waits without any subflow. */
  readonly lingerMs: number;
  /** What the session may take, in both directions. */
  readonly memory: MemoryBudget;
  readonly nowMs: number;
  /** By default DEFAULT_TUNING. */
  readonly tuning?: CoreTuning;
  /** Where it is counted how long bytes wait; sessions may share it. By default one of its own. */
  readonly delays?: DelayRecord;
  /** By default DeliveryRateController. */
  readonly makeController?: MakeCongestionController;
}

/**
 * The sans-IO core of one session (SPEC.md): takes the time, received bytes and local commands; answers with events, bytes for
 * each subflow, and the next deadline.
 *
 * For each input: `advance` to its time, then `receive` or a command of `streams`, `subflows` or `uplinks`. After the inputs of
 * one turn: call `flush`, write what `subflows.takeOutput` gives for each subflow and what `datagrams.takePackets` gives, drain
 * `nextEvent`, and arm one timer for `deadlineMs`.
 */
export class Session {
  readonly streams: StreamCommands;
  readonly subflows: SubflowCommands;
  readonly uplinks: UplinkCommands;
  readonly publications: Publications;
  readonly datagrams: DatagramPlane;
  readonly #options: SessionOptions;
  readonly #clock: SessionClock;
  readonly #streams: SessionStreams;
  readonly #subflows: SessionSubflows;
  readonly #announcements: Announcements;
  readonly #transmitter: Transmitter;
  readonly #unanswered: UnansweredFrames;
  readonly #frames: ControlFrames;
  #events: SessionEvent[] = [];
  #eventsTaken = 0;
  #receivedBytes = 0;
  /** Which ends open and take no new streams. */
  readonly #goesAway = { us: false, peer: false };
  #isClosed = false;

  constructor(options: SessionOptions) {
    const { role, lingerMs, tuning = DEFAULT_TUNING, delays = new DelayRecord() } = options;
    this.#options = options;
    this.#unanswered = new UnansweredFrames(options.memory);
    const now = new SessionClock(options.nowMs);
    this.#clock = now;
    const hostLag = new SharedHostLag(now);
    const makeController =
      options.makeController ?? ((...context) => new DeliveryRateController(...context, hostLag));
    const steering = new SessionSteering({ now, tuning, followsPeer: role === 'concentrator' });
    this.#transmitter = new Transmitter({ now, tuning, steering });
    this.#announcements = new Announcements(this.#transmitter.control);
    const session = this;
    const opensNone = () => this.#goesAway.us || this.#goesAway.peer || this.#isClosed;
    const emit = (event: SessionEvent) => this.#emit(event);
    this.publications = new Publications(this.#transmitter.control, emit);
    this.#streams = new SessionStreams(
      { ...options, now, tuning, steering, delays },
      {
        get subflows() {
          return session.#subflows.all;
        },
        get opensNone() {
          return opensNone();
        },
        get takesNone() {
          return session.#goesAway.us || session.#isClosed;
        },
        emit,
      },
      this.#transmitter,
    );
    this.#subflows = new SessionSubflows({
      role,
      lingerMs,
      now,
      tuning,
      makeController,
      streams: this.#streams,
      transmitter: this.#transmitter,
      mayHaveDatagrams: () => this.datagrams.mayHaveFrames,
      emit,
    });
    this.streams = this.#streams;
    this.subflows = this.#subflows;
    this.uplinks = this.#subflows.uplinks;
    this.datagrams = new DatagramPlane({
      ...options,
      now,
      tuning,
      steering,
      control: this.#transmitter.control,
      uplinks: this.#subflows.uplinks,
      get opensNone() {
        return opensNone();
      },
      emit,
    });
    this.#frames = new ControlFrames({
      role,
      streams: this.#streams,
      subflows: this.#subflows,
      publications: this.publications,
      datagrams: this.datagrams,
      onGoingAway: () => {
        this.#goesAway.peer = true;
      },
      onClose: (error) => this.#close(error, 'closed by the peer', 'peer'),
      emit,
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** How many events wait. */
  get eventCount(): number {
    return this.#events.length - this.#eventsTaken;
  }

  /** The next event, oldest first. */
  nextEvent(): SessionEvent | undefined {
    const event = this.#events[this.#eventsTaken++];
    if (event === undefined) {
      this.#events = [];
      this.#eventsTaken = 0;
    }
    return event;
  }

  /** When `flush` is wanted again though nothing else happens; infinite for never. */
  get deadlineMs(): number {
    if (this.#isClosed) return Number.POSITIVE_INFINITY;
    const datagramsMs = this.datagrams.deadlineMs;
    if (this.#subflows.all.length === 0) return Math.min(this.#subflows.lingerEndsMs, datagramsMs);
    return Math.min(this.#subflows.deadlineMs, this.#streams.deadlineMs, datagramsMs);
  }

  /** How the session is now, for status and metrics. */
  snapshot(): SessionSnapshot {
    return {
      isClosed: this.#isClosed,
      streamCount: this.#streams.count,
      subflows: this.#subflows.all.map(subflowSnapshot),
      uplinks: [...this.#subflows.uplinks.all].map((uplink) =>
        uplinkSnapshot(uplink, this.#subflows.all, this.#streams),
      ),
      statistics: { ...this.#transmitter.statistics, receivedBytes: this.#receivedBytes },
      reorderBytes: this.#streams.reorderBytes,
      boundTo: this.#streams.boundTo,
      datagrams: this.datagrams.snapshot(),
    };
  }

  /** The time of what follows, in milliseconds of one monotonic clock. */
  advance(nowMs: number): void {
    this.#clock.advance(nowMs);
  }

  /**
   * Bytes arrived on a subflow, its handshake frames left out. A violation closes the session. The chunk is released before this
   * returns; `stream-data` brings what it keeps.
   */
  receive(subflowId: number, chunk: ReceivedChunk): void {
    this.#received = chunk;
    try {
      this.#parse(subflowId, chunk.bytes);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.#close(error.code, error.message, 'us');
    } finally {
      this.#received = NOTHING;
      chunk.release();
    }
  }

  /** Concentrator: these are its other addresses from now on, the first MAX_ANNOUNCED_ADDRESSES of them; the client is told what changes. */
  announce(addresses: readonly AnnouncedAddress[]): void {
    this.#announcements.set(addresses);
  }

  /** No new streams; those that are open go on. */
  goAway(error: ErrorName): void {
    if (this.#goesAway.us || this.#isClosed) return;
    this.#goesAway.us = true;
    this.#transmitter.control.push(controlItem({ type: 'goaway', code: ERROR_CODE[error] }));
  }

  /** Ends the session now. One CLOSE leaves with the next write of each subflow. */
  close(error: ErrorName): void {
    this.#close(error, 'closed by this end', 'us');
  }

  /** Works off what the inputs and time have brought, and fills the subflows' outputs. */
  flush(): void {
    if (this.#isClosed) return;
    if (this.#transmitter.control.unsettled > this.#options.maxStreams * MAX_CONTROL_PER_STREAM) {
      this.#close('resourceExceeded', 'the peer takes no control frames', 'us');
      return;
    }
    let unanswered = this.#transmitter.control.unsettled;
    for (const { outbox } of this.#subflows.all) unanswered += outbox.ledger.length;
    if (!this.#unanswered.count(unanswered)) {
      this.#close('resourceExceeded', 'the peer confirms too little of what it is told', 'us');
      return;
    }
    if (this.#subflows.all.length === 0) {
      const isOver = this.#clock.ms >= this.#subflows.lingerEndsMs;
      if (isOver) this.#close('uplinksLost', 'no subflow came back', 'us');
      this.#subflows.uplinks.refresh();
      this.datagrams.flush();
      return;
    }
    this.#subflows.check();
    this.#streams.failStranded();
    this.#streams.frames.endEmbryos();
    // First: they wait for nothing that can be sent later.
    this.datagrams.flush();
    this.#transmitter.transmit(this.#subflows.all);
    this.#streams.tellWritable();
  }

  // --- received frames ---

  #wants: Wanted = 'nothing';
  /** What is being parsed. */
  #received: ReceivedChunk = NOTHING;

  #parse(subflowId: number, bytes: Uint8Array): void {
    const subflow = this.#subflows.get(subflowId);
    const parser = this.#subflows.parserOf(subflowId);
    if (subflow === undefined || parser === undefined || this.#isClosed || bytes.length === 0) return;
    this.#wants = 'nothing';
    this.#frames.source = subflow.uplink;
    this.#streams.frames.source = subflow.uplink.name;
    const receivedBytes = this.#receivedBytes;
    parser.push(bytes, this.#sink);
    if (this.#receivedBytes > receivedBytes) subflow.onArrival(this.#receivedBytes - receivedBytes);
    subflow.uplink.bucket?.spendOnAcknowledging(bytes.length);
    const wanted = this.#wants as Wanted;
    subflow.receipts.onParsed(bytes.length, wanted !== 'nothing');
    if (wanted === 'answer') this.#subflows.onAsked(subflow);
  }

  readonly #sink: FrameSink = {
    onData: (streamId, dsn, payload, fin) => {
      if (this.#wants === 'nothing') this.#wants = 'receipt';
      if (this.#isClosed) return;
      this.#receivedBytes += payload.length;
      this.#streams.frames.onData(streamId, dsn, payload, fin, this.#received);
    },
    onControl: (frame) => {
      if (frame.type === 'receipt') {
        for (const entry of frame.entries) {
          this.#subflows.onReceipt(entry.subflowId, entry.bytes, entry.delayMicroseconds / 1000);
        }
        return;
      }
      if (frame.type === 'ping') {
        if (!this.#isClosed) this.#wants = 'answer';
        return;
      }
      if (this.#wants === 'nothing') this.#wants = 'receipt';
      if (!this.#isClosed) this.#frames.receive(frame);
    },
  };

  // --- helpers ---

  #close(error: ErrorName, reason: string, by: 'us' | 'peer'): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#streams.failAll(error);
    this.datagrams.close();
    this.#unanswered.close();
    const frame = encodeControl({ type: 'close', code: ERROR_CODE[error] });
    for (const subflow of this.#subflows.all) {
      if (by === 'us') subflow.append([frame], { kind: 'receipt' });
    }
    this.#emit({ type: 'session-closed', error, by, reason });
  }

  #emit(event: SessionEvent): void {
    this.#events.push(event);
  }
}

/** What the frames that arrived together want of this end: a receipt soon, or at once. */
type Wanted = 'nothing' | 'receipt' | 'answer';

const NOTHING = new OwnBytes(new Uint8Array(0));

/** How far the client may send in a stream before OPENED; this version's WELCOME says so. */
export const FIRST_UPLOAD_WINDOW_BYTES = FLOOR_WINDOW_BYTES;
