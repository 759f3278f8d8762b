import { type ControlFrame, encodeControl } from '../codec/frame.ts';
import type { FrameSink } from '../codec/frame-parser.ts';
import { steeringModeOf } from '../codec/wire.ts';
import type { Destination } from '../destination.ts';
import { ERROR_CODE, type ErrorName, errorName, ProtocolViolation, StreamError } from '../errors.ts';
import type { KernelMeasurement } from '../kernel-measurement.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import { SessionClock } from '../now.ts';
import type { SteeringPolicy } from '../steering/steering-policy.ts';
import type { OutgoingChunk } from '../stream/send-buffer.ts';
import type { Subflow, SubflowOptions } from '../subflow/subflow.ts';
import { FLOOR_WINDOW_BYTES, MAX_CONTROL_PER_STREAM } from '../tunables.ts';
import { type AnnouncedAddress, Announcements } from './announcements.ts';
import { controlItem } from './control-item.ts';
import type { SessionEvent } from './events.ts';
import { type RateLimit, spendOnAcknowledging } from './rate-limits.ts';
import { SessionStreams } from './session-streams.ts';
import { SessionSubflows } from './session-subflows.ts';
import { type TransmitStatistics, Transmitter } from './transmitter.ts';

export interface SessionOptions {
  readonly role: 'client' | 'concentrator';
  /** Most streams open at once, as in WELCOME. */
  readonly maxStreams: number;
  /** How far the client sends in a stream before OPENED, as in WELCOME. */
  readonly firstWindowBytes: number;
  /** How long the session waits without any subflow. */
  readonly lingerMs: number;
  /** What all receive windows of the session may promise together. */
  readonly memory: MemoryBudget;
  readonly nowMs: number;
}

/** Counts of a session since it began. */
export interface SessionStatistics extends TransmitStatistics {
  /** Payload bytes received, repeats included. */
  receivedBytes: number;
}

/**
 * The sans-IO core of one session (SPEC.md): takes received bytes, local commands and the time; answers with
 * events, bytes for each subflow, and the next deadline.
 *
 * After any input: call `flush`, write what `takeOutput` gives for each subflow that has output, drain `nextEvent`, and
 * arm one timer for `deadlineMs`. All times are milliseconds of one monotonic clock.
 */
export class Session {
  readonly role: 'client' | 'concentrator';
  readonly #options: SessionOptions;
  readonly #clock: SessionClock;
  readonly #streams: SessionStreams;
  readonly #subflows: SessionSubflows;
  readonly #announcements: Announcements;
  readonly #transmitter: Transmitter;
  #events: SessionEvent[] = [];
  #eventsTaken = 0;
  #nextSubflowId = 0;
  #receivedBytes = 0;
  #isGoingAway = false;
  #isClosed = false;

  constructor(options: SessionOptions) {
    this.role = options.role;
    this.#options = options;
    this.#clock = new SessionClock(options.nowMs);
    this.#transmitter = new Transmitter(options.role);
    this.#announcements = new Announcements(this.#transmitter.control);
    const session = this;
    const host = {
      get nowMs() {
        return session.#clock.ms;
      },
      get subflows() {
        return session.subflows;
      },
      get streams() {
        return session.#streams;
      },
      get isGoingAway() {
        return session.#isGoingAway;
      },
      emit: (event: SessionEvent) => this.#emit(event),
    };
    this.#streams = new SessionStreams(options, host, this.#transmitter);
    this.#subflows = new SessionSubflows(options, host, this.#transmitter, this.#clock);
  }

  // --- what the program around it may look at ---

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether `openStream` would be refused, and why. */
  get cannotOpen(): ErrorName | undefined {
    if (this.#isClosed || this.#isGoingAway) return 'goingAway';
    return this.#streams.isFull ? 'resourceExceeded' : undefined;
  }

  get streamCount(): number {
    return this.#streams.count;
  }

  get statistics(): SessionStatistics {
    return { ...this.#transmitter.statistics, receivedBytes: this.#receivedBytes };
  }

  /** Bytes that wait in reorder buffers. */
  get reorderBytes(): number {
    return this.#streams.reorderBytes;
  }

  get subflows(): readonly Subflow[] {
    return this.#subflows.all;
  }

  /** How much of what an uplink can carry is made use of, 0 to 1, in the direction where it is more. */
  utilization(uplinkName: string): number {
    return this.#subflows.utilization.of(uplinkName);
  }

  /** The uplinks of streams that may use no others; those of equal policies may be told once. */
  get boundTo(): readonly (readonly string[])[] {
    return this.#streams.boundTo;
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
    if (this.subflows.length === 0) return this.#subflows.lingerEndsMs;
    return Math.min(this.#subflows.deadlineMs, this.#streams.deadlineMs);
  }

  // --- subflows ---

  /** The id for the client's next subflow; 0 is that of HELLO. */
  allocateSubflowId(): number {
    return this.#nextSubflowId++;
  }

  /** A subflow is up: its handshake is done and its transport takes a write. */
  addSubflow(options: SubflowOptions, nowMs: number): void {
    this.#clock.advance(nowMs);
    this.#subflows.add(options);
  }

  /** The transport of a subflow is gone; what was under way on it goes elsewhere, and the peer is told. */
  removeSubflow(subflowId: number, nowMs: number): void {
    this.#clock.advance(nowMs);
    this.#subflows.remove(subflowId);
  }

  /** Client: a subflow is no longer wanted. Nothing new goes there; `subflow-close` follows once all has arrived. */
  retireSubflow(subflowId: number, nowMs: number): void {
    this.#clock.advance(nowMs);
    this.#subflows.retire(subflowId);
  }

  /** Client: most that an uplink may carry in each direction, from now on; the concentrator is told. */
  limitRate(uplinkName: string, limit: RateLimit, nowMs: number): void {
    this.#clock.advance(nowMs);
    this.#subflows.limitRate(uplinkName, limit);
  }

  /** Client: makes a subflow a backup (RFC 8684's B: used only when no other works), or one like any other, both ways. */
  setBackup(subflowId: number, isBackup: boolean, nowMs: number): void {
    this.#clock.advance(nowMs);
    this.#subflows.setBackup(subflowId, isBackup);
  }

  /** The transport is still busy with a write of somebody else (its handshake). */
  subflowBusy(subflowId: number): void {
    const subflow = this.#subflows.get(subflowId);
    if (subflow !== undefined) subflow.isWritable = false;
  }

  /** The transport takes a write again. */
  subflowWritable(subflowId: number): void {
    const subflow = this.#subflows.get(subflowId);
    if (subflow !== undefined) subflow.isWritable = true;
  }

  /** The kernel's figures of a subflow. */
  subflowMeasured(subflowId: number, measurement: KernelMeasurement, nowMs: number): void {
    this.#clock.advance(nowMs);
    this.#subflows.get(subflowId)?.onKernelMeasurement(measurement);
  }

  /** Something outside says that a subflow is in trouble (its interface or address is gone). */
  doubtSubflow(subflowId: number, reason: string, nowMs: number): void {
    this.#clock.advance(nowMs);
    this.#subflows.doubt(subflowId, reason);
  }

  /**
   * Bytes arrived on a subflow, its handshake frames left out. A violation closes the session.
   * @returns how many of them `stream-data` brings as they are; the rest is needed no more
   */
  receive(subflowId: number, bytes: Uint8Array, nowMs: number): number {
    this.#clock.advance(nowMs);
    const subflow = this.#subflows.get(subflowId);
    const parser = this.#subflows.parserOf(subflowId);
    if (subflow === undefined || parser === undefined || this.#isClosed || bytes.length === 0) return 0;
    this.#handedOnBytes = 0;
    this.#elicited = false;
    const receivedBytes = this.#receivedBytes;
    try {
      parser.push(bytes, this.#sink);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.#close(error.code, error.message, 'us');
      return this.#handedOnBytes;
    }
    if (this.#receivedBytes > receivedBytes) subflow.onArrival(this.#receivedBytes - receivedBytes);
    spendOnAcknowledging(subflow, bytes.length);
    subflow.receipts.onParsed(bytes.length, this.#elicited);
    return this.#handedOnBytes;
  }

  // --- streams ---

  /**
   * Client: opens a stream; its first bytes may follow at once.
   * @throws StreamError when `cannotOpen`; MisuseError for a policy that the wire can not carry
   */
  openStream(destination: Destination, policy: SteeringPolicy, nowMs: number): number {
    this.#clock.advance(nowMs);
    const error = this.cannotOpen;
    if (error !== undefined) throw new StreamError(error, 'the session takes no new stream');
    return this.#streams.open(destination, policy);
  }

  /** Client: steers an open stream by another policy, in both directions; without effect when it is gone. @throws MisuseError as `openStream` */
  steerStream(streamId: number, policy: SteeringPolicy, nowMs: number): void {
    this.#clock.advance(nowMs);
    this.#streams.steer(streamId, policy);
  }

  /** Concentrator: the origin is connected. */
  acceptStream(streamId: number): void {
    this.#streams.accept(streamId);
  }

  /** Concentrator: the origin can not be had. */
  refuseStream(streamId: number, error: ErrorName): void {
    this.#streams.refuse(streamId, error);
  }

  /**
   * Sends bytes of a stream; without effect when it is gone.
   * @returns false when the application should not be read until `stream-writable`
   */
  write(streamId: number, chunk: OutgoingChunk): boolean {
    return this.#streams.write(streamId, chunk);
  }

  /** The application has finished sending. */
  end(streamId: number): void {
    this.#streams.end(streamId);
  }

  /** Ends both directions of a stream at once and tells the peer. */
  reset(streamId: number, error: ErrorName): void {
    this.#streams.reset(streamId, error);
  }

  /** The application has taken `bytes` of what `stream-data` brought. */
  consumed(streamId: number, bytes: number, nowMs: number): void {
    this.#clock.advance(nowMs);
    this.#streams.consumed(streamId, bytes);
  }

  // --- the whole ---

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
  close(error: ErrorName, nowMs: number): void {
    this.#clock.advance(nowMs);
    this.#close(error, 'closed by this end', 'us');
  }

  /** Works off what time has brought, and fills the subflows' outputs. */
  flush(nowMs: number): void {
    this.#clock.advance(nowMs);
    if (this.#isClosed) return;
    if (this.#transmitter.control.unsettled > this.#options.maxStreams * MAX_CONTROL_PER_STREAM) {
      this.#close('resourceExceeded', 'the peer takes no control frames', 'us');
      return;
    }
    if (this.subflows.length === 0) {
      if (nowMs >= this.#subflows.lingerEndsMs) this.#close('uplinksLost', 'no subflow came back', 'us');
      return;
    }
    this.#subflows.check();
    this.#streams.failStranded();
    this.#transmitter.transmit(this.subflows, nowMs);
    this.#streams.tellWritable();
  }

  /** What to write to a subflow now; empty when there is nothing, or its transport is busy. */
  takeOutput(subflowId: number): readonly Uint8Array[] {
    return this.#subflows.get(subflowId)?.takeOutput() ?? [];
  }

  // --- received frames ---

  #elicited = false;
  #handedOnBytes = 0;

  readonly #sink: FrameSink = {
    onData: (streamId, dsn, payload, fin) => {
      this.#elicited = true;
      if (this.#isClosed) return;
      this.#receivedBytes += payload.length;
      this.#handedOnBytes += this.#streams.onData(streamId, dsn, payload, fin);
    },
    onControl: (frame) => {
      if (frame.type === 'receipt') {
        for (const entry of frame.entries) {
          this.#subflows.onReceipt(entry.subflowId, entry.bytes, entry.delayMicroseconds / 1000);
        }
        return;
      }
      this.#elicited = true;
      if (!this.#isClosed) this.#onControl(frame);
    },
  };

  #onControl(frame: Exclude<ControlFrame, { type: 'receipt' }>): void {
    switch (frame.type) {
      case 'open':
        this.#expectRole('concentrator', 'OPEN');
        this.#streams.onOpen(frame.streamId, frame.limit, steeringModeOf(frame.mode), frame);
        break;
      case 'opened':
        this.#expectRole('client', 'OPENED');
        this.#streams.onOpened(frame.streamId, frame.limit, frame.ok, frame.code);
        break;
      case 'window':
        this.#streams.onWindow(frame.streamId, frame.ack, frame.limit);
        break;
      case 'reset':
        this.#streams.onReset(frame.streamId, frame.code);
        break;
      case 'ping':
        break;
      case 'subflowState':
        this.#subflows.onState(frame.subflowId, frame.state);
        break;
      case 'priority':
        this.#subflows.onPriority(frame.subflowId, frame.backup, frame.generation);
        break;
      case 'subflowsWish':
        this.#expectRole('client', 'SUBFLOWS_WISH');
        this.#subflows.onWish(frame.subflowId, frame.count);
        break;
      case 'utilization':
        this.#expectRole('client', 'UTILIZATION');
        this.#subflows.onUtilization(frame.subflowId, frame.percent);
        break;
      case 'steering':
        this.#expectRole('concentrator', 'STEERING');
        this.#streams.onSteering(frame);
        break;
      case 'rateLimit':
        this.#expectRole('concentrator', 'RATE_LIMIT');
        this.#subflows.onRateLimit(frame);
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
        if (this.role === 'client') this.#isGoingAway = true;
        this.#emit({ type: 'going-away', error: errorName(frame.code) });
        break;
      case 'close':
        this.#close(errorName(frame.code), 'closed by the peer', 'peer');
        break;
    }
  }

  // --- helpers ---

  #expectRole(role: 'client' | 'concentrator', frame: string): void {
    if (this.role !== role) throw new ProtocolViolation(`${frame} from the wrong end`);
  }

  #close(error: ErrorName, reason: string, by: 'us' | 'peer'): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#streams.failAll(error);
    const frame = encodeControl({ type: 'close', code: ERROR_CODE[error] });
    for (const subflow of this.subflows) {
      if (by === 'us') subflow.append([frame], { kind: 'receipt' });
    }
    this.#emit({ type: 'session-closed', error, by, reason });
  }

  #emit(event: SessionEvent): void {
    this.#events.push(event);
  }
}

/** How far the client may send in a stream before OPENED; this version's WELCOME says so. */
export const FIRST_UPLOAD_WINDOW_BYTES = FLOOR_WINDOW_BYTES;
