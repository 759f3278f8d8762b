import { type ControlFrame, encodeControl } from '../codec/frame.ts';
import type { FrameSink } from '../codec/frame-parser.ts';
import { controlItem } from '../control/control-item.ts';
import { MAX_CONTROL_PER_STREAM } from '../control/control-queue.ts';
import { ERROR_CODE, type ErrorName, errorName, ProtocolViolation } from '../errors.ts';
import { OwnBytes, type ReceivedChunk } from '../memory/chunk.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import { SessionClock } from '../now.ts';
import { modeOfWire } from '../steering/modes.ts';
import { SessionSteering } from '../steering/session-steering.ts';
import { FLOOR_WINDOW_BYTES } from '../stream/receive-window.ts';
import type { MakeCongestionController } from '../subflow/congestion-controller.ts';
import { DeliveryRateController } from '../subflow/delivery-rate-controller.ts';
import { SharedHostLag } from '../subflow/shared-host-lag.ts';
import type { UplinkCommands } from '../uplink/uplinks.ts';
import { type AnnouncedAddress, Announcements } from './announcements.ts';
import { type CoreTuning, DEFAULT_TUNING } from './core-tuning.ts';
import type { SessionEvent } from './events.ts';
import type { SessionSubflow } from './sent-item.ts';
import { SessionStreams } from './session-streams.ts';
import { SessionSubflows, type SubflowCommands } from './session-subflows.ts';
import { type SessionSnapshot, subflowSnapshot } from './snapshot.ts';
import type { StreamCommands } from './stream-commands.ts';
import { Transmitter } from './transmitter.ts';
import { UnansweredFrames } from './unanswered-frames.ts';

export interface SessionOptions {
  readonly role: 'client' | 'concentrator';
  /** Most streams open at once, as in WELCOME. */
  readonly maxStreams: number;
  /** How far the client sends in a stream before OPENED, as in WELCOME. */
  readonly firstWindowBytes: number;
  /** How long the session waits without any subflow. */
  readonly lingerMs: number;
  /** What the session may take, in both directions. */
  readonly memory: MemoryBudget;
  readonly nowMs: number;
  /** By default DEFAULT_TUNING. */
  readonly tuning?: CoreTuning;
  /** By default DeliveryRateController. */
  readonly makeController?: MakeCongestionController;
}

/**
 * The sans-IO core of one session (SPEC.md): takes the time, received bytes and local commands; answers with events, bytes for
 * each subflow, and the next deadline.
 *
 * For each input: `advance` to its time, then `receive` or a command of `streams`, `subflows` or `uplinks`. After the inputs of
 * one turn: call `flush`, write what `subflows.takeOutput` gives for each subflow, drain `nextEvent`, and arm one timer for
 * `deadlineMs`.
 */
export class Session {
  readonly streams: StreamCommands;
  readonly subflows: SubflowCommands;
  readonly uplinks: UplinkCommands;
  readonly #options: SessionOptions;
  readonly #clock: SessionClock;
  readonly #streams: SessionStreams;
  readonly #subflows: SessionSubflows;
  readonly #announcements: Announcements;
  readonly #transmitter: Transmitter;
  readonly #unanswered: UnansweredFrames;
  #events: SessionEvent[] = [];
  #eventsTaken = 0;
  #receivedBytes = 0;
  #isGoingAway = false;
  #isClosed = false;

  constructor(options: SessionOptions) {
    const { role, lingerMs, tuning = DEFAULT_TUNING } = options;
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
    const emit = (event: SessionEvent) => this.#emit(event);
    this.#streams = new SessionStreams(
      { ...options, now, tuning, steering },
      {
        get subflows() {
          return session.#subflows.all;
        },
        get isGoingAway() {
          return session.#isGoingAway || session.#isClosed;
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
      emit,
    });
    this.streams = this.#streams;
    this.subflows = this.#subflows;
    this.uplinks = this.#subflows.uplinks;
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
    if (this.#subflows.all.length === 0) return this.#subflows.lingerEndsMs;
    return Math.min(this.#subflows.deadlineMs, this.#streams.deadlineMs);
  }

  /** How the session is now, for status and metrics. */
  snapshot(): SessionSnapshot {
    return {
      isClosed: this.#isClosed,
      streamCount: this.#streams.count,
      subflows: this.#subflows.all.map(subflowSnapshot),
      uplinks: [...this.#subflows.uplinks.all].map(({ name, utilization }) => ({
        name,
        utilization: utilization.share,
      })),
      statistics: { ...this.#transmitter.statistics, receivedBytes: this.#receivedBytes },
      reorderBytes: this.#streams.reorderBytes,
      boundTo: this.#streams.boundTo,
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
    if (this.#isGoingAway || this.#isClosed) return;
    this.#isGoingAway = true;
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
      return;
    }
    this.#subflows.check();
    this.#streams.failStranded();
    this.#streams.frames.endEmbryos();
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
      if (this.#wants === 'nothing') this.#wants = 'receipt';
      if (!this.#isClosed) this.#onControl(frame);
    },
  };

  #onControl(frame: Exclude<ControlFrame, { type: 'receipt' }>): void {
    switch (frame.type) {
      case 'open':
        this.#expectRole('concentrator', 'OPEN');
        this.#streams.frames.onOpen(frame.streamId, frame.limit, modeOfWire(frame.mode), frame);
        break;
      case 'opened':
        this.#expectRole('client', 'OPENED');
        this.#streams.frames.onOpened(frame.streamId, frame.limit, frame.ok, frame.code);
        break;
      case 'window':
        this.#streams.frames.onWindow(frame.streamId, frame.ack, frame.limit);
        break;
      case 'reset':
        this.#streams.frames.onReset(frame.streamId, frame.code);
        break;
      case 'ping':
        this.#wants = 'answer';
        break;
      case 'subflowState':
        this.#subflows.onState(frame.subflowId, frame.state);
        break;
      case 'priority':
        this.#subflows.onPriority(frame.subflowId, frame.backup, frame.generation);
        break;
      case 'subflowsWish':
        this.#expectRole('client', 'SUBFLOWS_WISH');
        this.#withSubflow(frame.subflowId, (subflow) => this.#subflows.uplinks.onWish(subflow, frame.count));
        break;
      case 'utilization':
        this.#expectRole('client', 'UTILIZATION');
        this.#withSubflow(frame.subflowId, (subflow) =>
          this.#subflows.uplinks.onUtilization(subflow, frame.percent),
        );
        break;
      case 'steering':
        this.#expectRole('concentrator', 'STEERING');
        this.#streams.frames.onSteering(frame);
        break;
      case 'keepAlive':
        this.#expectRole('concentrator', 'KEEP_ALIVE');
        this.#streams.frames.onKeepAlive(frame.streamId, frame.seconds);
        break;
      case 'rateLimit':
        this.#expectRole('concentrator', 'RATE_LIMIT');
        this.#withSubflow(frame.subflowId, (subflow) => this.#subflows.uplinks.onRateLimit(subflow, frame));
        break;
      case 'addressAdd':
        this.#expectRole('client', 'ADDRESS_ADD');
        this.#emit({ ...frame, type: 'address-added' });
        break;
      case 'addressRemove':
        this.#expectRole('client', 'ADDRESS_REMOVE');
        this.#emit({ ...frame, type: 'address-removed' });
        break;
      case 'goaway':
        // A client that goes away opens no more by itself; its OPENs that are still under way came before.
        if (this.#options.role === 'client') this.#isGoingAway = true;
        this.#emit({ type: 'going-away', error: errorName(frame.code) });
        break;
      case 'close':
        this.#close(errorName(frame.code), 'closed by the peer', 'peer');
        break;
      default:
        frame satisfies never;
    }
  }

  // --- helpers ---

  /** A frame that names a subflow may come after it is gone. */
  #withSubflow(subflowId: number, work: (subflow: SessionSubflow) => void): void {
    const subflow = this.#subflows.get(subflowId);
    if (subflow !== undefined) work(subflow);
  }

  #expectRole(role: 'client' | 'concentrator', frame: string): void {
    if (this.#options.role !== role) throw new ProtocolViolation(`${frame} from the wrong end`);
  }

  #close(error: ErrorName, reason: string, by: 'us' | 'peer'): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#streams.failAll(error);
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
