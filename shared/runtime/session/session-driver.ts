import type { DatagramCommands } from '../../protocol/datagram/datagram-commands.ts';
import type { Destination } from '../../protocol/destination.ts';
import type { ErrorName } from '../../protocol/errors.ts';
import { OwnBytes, type ReceivedChunk } from '../../protocol/memory/chunk.ts';
import type { Session } from '../../protocol/session/session.ts';
import type { NewSubflow } from '../../protocol/session/session-subflows.ts';
import type { SessionSnapshot } from '../../protocol/session/snapshot.ts';
import type { Visit } from '../../protocol/session/stream-commands.ts';
import type { StreamPolicy } from '../../protocol/steering/steering-policy.ts';
import type { CarriedBytes } from '../../protocol/uplink/carried-bytes.ts';
import type { MonotonicClock } from '../clock.ts';
import type { PacketWire, SessionPackets } from '../datagram/session-packets.ts';
import type { SubflowTransport } from '../subflow/subflow-transport.ts';
import { errorWords } from '../text/error-words.ts';
import { AttachedSubflows, type SubflowLink } from './attached-subflows.ts';
import { EventDispatcher } from './event-dispatcher.ts';
import { READ_COST_MS, type ShareHolder, type ShareSeat, SOLE_SEAT } from './fair-share.ts';
import type { SessionCarried } from './session-carried.ts';
import type { SessionLog, SessionOwner, StreamHandlers } from './session-handlers.ts';
import type { UplinkTraffic } from './uplink-traffic.ts';

export interface SessionDriverOptions {
  readonly session: Session;
  readonly owner: SessionOwner;
  readonly clock: MonotonicClock;
  readonly logger: SessionLog;
  /** Takes a place in the line for the processor; left out where the session has the process for itself. */
  enter?(holder: ShareHolder): ShareSeat;
  /** Counts the bytes of an uplink, by name. */
  trafficOf(uplinkName: string): UplinkTraffic;
  /** Seals and opens the packets of the datagram plane; absent: all its messages travel on subflows. */
  readonly packets?: Pick<SessionPackets, 'flush' | 'receive' | 'hold' | 'receiveHeld' | 'close' | 'counts'>;
}

/** What a program may tell its session. Subflows come and go by the driver, which has their transports. */
export type SessionCommands = Pick<
  Session,
  'streams' | 'uplinks' | 'publications' | 'announce' | 'goAway' | 'close'
> & {
  readonly subflows: Pick<Session['subflows'], 'allocateId' | 'retire' | 'setBackup' | 'doubt' | 'ask'>;
  readonly datagrams: DatagramCommands;
};

/** The kernel's figures are read this often while a session is busy; a call costs under a microsecond. */
const MEASURE_INTERVAL_MS = 2;
/** Received bytes go on to the applications at the end of the turn, or after this many, while they are in the processor's cache. */
const DISPATCH_BYTES = 256 * 1024;
/** Or after so many events: very small frames become rubbish that is collected while it is young. */
const DISPATCH_EVENTS = 512;
/** A timer that fires so soon, or is early by so little, stays: to set another one in each turn of a busy session would cost more. */
const KEPT_TIMER_MS = 50;
/** Applications that were held back are read again so many at a time: all at once may be thousands. */
const RESUMED_AT_ONCE = 8;

/**
 * Runs one session core with real time and real subflows. The inputs of one turn of the event loop are handled together in
 * its check phase: everything that was read is parsed before anything is decided.
 */
export class SessionDriver implements SessionCarried {
  /** When the session began, by its clock. */
  readonly startedMs: number;
  /** Resolves when the session has ended, and its last frame has left or its time for that is up. */
  readonly finished: Promise<void>;
  readonly #session: Session;
  readonly #options: SessionDriverOptions;
  readonly #subflows: AttachedSubflows;
  readonly #events: EventDispatcher;
  readonly #seat: ShareSeat;
  /** Streams whose applications are not read since the session must wait. */
  readonly #heldBack = new Set<number>();
  #undispatchedBytes = 0;
  #isTurnPutOff = false;
  #turnScheduled: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #measuredMs = Number.NEGATIVE_INFINITY;
  #isOver = false;
  #resolveFinished: () => void = () => {};

  constructor(options: SessionDriverOptions) {
    const { session, owner, logger } = options;
    this.#session = session;
    this.#options = options;
    this.startedMs = options.clock();
    this.finished = new Promise((resolve) => {
      this.#resolveFinished = resolve;
    });
    this.#subflows = new AttachedSubflows(session);
    this.#events = new EventDispatcher({ session, owner, logger, subflows: this.#subflows });
    const holder = { wait: () => this.#subflows.setReading(false), goOn: () => this.#goOn() };
    this.#seat = options.enter?.(holder) ?? SOLE_SEAT;
    this.#wake();
  }

  get isClosed(): boolean {
    return this.#session.isClosed;
  }

  /** Why the session takes no new stream now, if it takes none. */
  get cannotOpen(): ErrorName | undefined {
    return this.#session.streams.cannotOpen;
  }

  /** Whether it has a subflow; without any it lingers. */
  get hasSubflow(): boolean {
    return this.#session.subflows.count > 0;
  }

  /** Streams that are open now. */
  get streamCount(): number {
    return this.#session.streams.count;
  }

  carriedOf(streamId: number): readonly CarriedBytes[] {
    return this.#session.streams.carriedOf(streamId);
  }

  carriedOfFlow(flowId: number): readonly CarriedBytes[] {
    return this.#session.datagrams.table.get(flowId)?.carried.all ?? [];
  }

  /** How the session is now, for status and metrics. */
  snapshot(): SessionSnapshot {
    return this.#session.snapshot();
  }

  /** Why packets of datagrams came to nothing, and how many; undefined where it has none. */
  get packetDrops(): SessionPackets['counts']['drops'] | undefined {
    return this.#options.packets?.counts.drops;
  }

  /** The connection of a subflow; undefined when it is gone. */
  linkOf(subflowId: number): SubflowLink | undefined {
    return this.#subflows.linkOf(subflowId);
  }

  /** Why the harm guard leaves an uplink out of what this end sends, if it does. */
  parkReasonOf(uplinkName: string): string | undefined {
    return this.#events.parkReasonOf(uplinkName);
  }

  /** Gives the session an input, at the present time. What follows from it is done at the end of the turn. */
  input<Result>(work: (session: SessionCommands) => Result): Result {
    return this.#seat.run(() => {
      this.#session.advance(this.#options.clock());
      this.#wake();
      return work(this.#session);
    });
  }

  /** Whether the application of a stream is to wait for `onWritable` since the session must wait. */
  holdsBack(streamId: number): boolean {
    if (this.#seat.mustWait) this.#heldBack.add(streamId);
    return this.#seat.mustWait;
  }

  /** Adds a subflow whose handshake is done. `rest` arrived behind it. `isWriting`: the handshake's last frame is still leaving. */
  addSubflow(subflow: NewSubflow, transport: SubflowTransport, rest: Uint8Array, isWriting = false): void {
    const { id, uplinkName } = subflow;
    const { congestionControl } = transport;
    const traffic = this.#options.trafficOf(uplinkName);
    const sinceMs = this.#options.clock();
    this.input(() => this.#session.subflows.add({ ...subflow, congestionControl }));
    if (isWriting) this.#session.subflows.setWritable(id, false);
    this.#subflows.set(id, { transport, traffic, uplinkName, sinceMs, doubtReason: undefined, held: [] });
    if (this.#seat.mustWait) transport.setReading(false);
    transport.setHandlers({
      onBytes: (chunk) => this.#onBytes(id, traffic, chunk),
      onWritable: () => this.#onWritable(id),
      onClose: (error) => this.#onTransportClosed(id, error),
    });
    if (rest.length > 0) this.#onBytes(id, traffic, new OwnBytes(rest));
  }

  /** A packet of the datagram plane has come, from where `wire` leads. Its bytes are good until this returns. */
  receivePacket(packet: Uint8Array, wire: PacketWire): void {
    const { packets } = this.#options;
    if (packets === undefined || this.#session.isClosed) return;
    if (this.#seat.mustWait) {
      packets.hold(packet, wire);
      return;
    }
    this.#packet = packet;
    this.#packetWire = wire;
    this.#seat.run(this.#receiveOne);
  }

  /** Closes a subflow of ours; what is under way on it goes elsewhere. */
  removeSubflow(subflowId: number): void {
    const attached = this.#subflows.delete(subflowId);
    if (attached === undefined) return;
    this.input(() => this.#session.subflows.remove(subflowId));
    attached.transport.destroy();
  }

  /** Client: opens a stream; `handlersOf` makes its handlers. @throws StreamError when the session takes none */
  openStream<Handlers extends StreamHandlers>(
    destination: Destination,
    policy: StreamPolicy,
    handlersOf: (streamId: number) => Handlers,
  ): Handlers {
    return this.#attachNew(
      this.input(({ streams }) => streams.open(destination, policy)),
      handlersOf,
    );
  }

  /** Concentrator: opens a stream for a visitor; `handlersOf` makes its handlers. @throws StreamError when the session takes none */
  openInbound<Handlers extends StreamHandlers>(
    visit: Visit,
    handlersOf: (streamId: number) => Handlers,
  ): Handlers {
    return this.#attachNew(
      this.input(({ streams }) => streams.openInbound(visit)),
      handlersOf,
    );
  }

  /** Who hears of a stream that the peer has opened. */
  attachStream(streamId: number, handlers: StreamHandlers): void {
    this.#events.attach(streamId, handlers);
  }

  /** Nobody wants to hear of the stream any more; how it ends is told to the session by `input`. */
  forgetStream(streamId: number): void {
    this.#events.forget(streamId);
  }

  #attachNew<Handlers extends StreamHandlers>(
    streamId: number,
    handlersOf: (streamId: number) => Handlers,
  ): Handlers {
    const handlers = handlersOf(streamId);
    this.#events.attach(streamId, handlers);
    return handlers;
  }

  /** Follows each write, and mostly there is nothing more to send: that costs no turn. */
  #onWritable(subflowId: number): void {
    this.#session.advance(this.#options.clock());
    if (this.#session.subflows.setWritable(subflowId, true)) this.#wake();
    else if (this.#turnScheduled === undefined && !this.#isOver) this.#armTimer();
  }

  #onBytes(subflowId: number, traffic: UplinkTraffic, chunk: ReceivedChunk): void {
    traffic.receivedBytes += chunk.bytes.length;
    const mustWait = this.#seat.mustWait || this.#subflows.holds(subflowId);
    if (!mustWait || !this.#subflows.hold(subflowId, chunk)) this.#receive(subflowId, chunk);
  }

  #receive(subflowId: number, chunk: ReceivedChunk): void {
    const { length } = chunk.bytes;
    const work = () => {
      this.input(() => this.#session.receive(subflowId, chunk));
      this.#undispatchedBytes += length;
      const isMuch = this.#undispatchedBytes >= DISPATCH_BYTES || this.#session.eventCount >= DISPATCH_EVENTS;
      if (isMuch) this.#dispatchEvents();
    };
    this.#seat.run(() => this.#contain(work), READ_COST_MS);
  }

  // There may be many in a moment: no closures are made for each.
  #packet: Uint8Array | undefined;
  #packetWire: PacketWire | undefined;
  readonly #receiveOne = (): void => this.#contain(this.#receivePacket);
  readonly #receivePacket = (): void => {
    this.#session.advance(this.#options.clock());
    this.#wake();
    this.#options.packets?.receive(this.#packet!, this.#packetWire!);
  };

  /** The session need not wait any more: first comes what was read, then what is read from now on. */
  #goOn(): void {
    if (this.#isTurnPutOff) this.#wake();
    for (let next = this.#subflows.takeHeld(); next !== undefined; next = this.#subflows.takeHeld()) {
      this.#receive(next.id, next.chunk);
      if (this.#seat.mustWait) return;
    }
    const { packets } = this.#options;
    if (packets !== undefined) {
      const receiveHeld = () => packets.receiveHeld(() => this.#seat.mustWait);
      this.#seat.run(() => this.#contain(() => this.input(receiveHeld)));
    }
    if (this.#seat.mustWait) return;
    this.#subflows.setReading(true);
    this.#resumeApplications();
  }

  #resumeApplications(): void {
    if (this.#seat.mustWait) return;
    let resumed = 0;
    for (const streamId of this.#heldBack) {
      this.#heldBack.delete(streamId);
      this.#events.tellWritable(streamId);
      if (++resumed === RESUMED_AT_ONCE) {
        setImmediate(() => this.#resumeApplications());
        return;
      }
    }
  }

  /** An internal error ends the session in which it shows, but not the program's other sessions. */
  #contain(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (this.#session.isClosed) throw error;
      this.#options.logger.error({ err: error }, 'internal error: closing the session');
      this.#session.close('internalError');
    }
  }

  #onTransportClosed(subflowId: number, error: Error | undefined): void {
    for (let next = this.#subflows.takeHeld(subflowId); next !== undefined; ) {
      this.#receive(next.id, next.chunk);
      next = this.#subflows.takeHeld(subflowId);
    }
    const attached = this.#subflows.delete(subflowId);
    if (attached === undefined) return;
    const { uplinkName } = attached;
    const fields = { subflow: subflowId, uplink: uplinkName, reason: error ? errorWords(error) : 'closed' };
    this.#options.logger.info(fields, 'subflow lost');
    this.input(() => this.#session.subflows.remove(subflowId));
    this.#options.owner.onSubflowClosed(subflowId, uplinkName);
  }

  #wake(): void {
    if (this.#isOver) return;
    this.#turnScheduled ??= setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#turnScheduled = undefined;
    if (this.#seat.mustWait && !(this.#isTurnPutOff && this.#seat.takeTurn())) {
      this.#isTurnPutOff = true;
      return;
    }
    this.#isTurnPutOff = false;
    this.#seat.run(() => this.#contain(() => this.#work(this.#options.clock())));
    if (this.#session.isClosed) {
      this.#subflows.write();
      this.#dispatchEvents();
      this.#finish();
    } else {
      this.#armTimer();
    }
  }

  #work(nowMs: number): void {
    // What was received goes on to the applications before anything new is decided.
    this.#dispatchEvents();
    this.#session.advance(nowMs);
    if (nowMs - this.#measuredMs >= MEASURE_INTERVAL_MS) {
      this.#measuredMs = nowMs;
      this.#subflows.measure();
    }
    this.#session.flush();
    this.#options.packets?.flush();
    this.#subflows.write();
    this.#dispatchEvents();
  }

  /** One timer. As a rule it stays when the deadline moves further away, since firing early is harmless. */
  #armTimer(): void {
    const { deadlineMs } = this.#session;
    if (deadlineMs >= this.#timerAtMs) {
      const isSoon = this.#timerAtMs < this.#options.clock() + KEPT_TIMER_MS;
      // But an idle machine is not woken up for it.
      if (isSoon || deadlineMs < this.#timerAtMs + KEPT_TIMER_MS) return;
    }
    clearTimeout(this.#timer);
    this.#timerAtMs = deadlineMs;
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(0, Math.ceil(deadlineMs - this.#options.clock()));
    this.#timer = setTimeout(() => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      // Not at once: if this process was held up, receipts are waiting to be read, and they must count before silence does.
      this.#wake();
    }, waitMs);
  }

  #dispatchEvents(): void {
    this.#undispatchedBytes = 0;
    this.#events.dispatch();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#seat.leave();
    this.#heldBack.clear();
    this.#options.packets?.close();
    this.#events.forgetAll();
    void this.#subflows.end(this.#events.isClosedByPeer).then(this.#resolveFinished);
    this.#options.owner.onClosed(this.#events.closedWith ?? 'internalError');
  }
}
