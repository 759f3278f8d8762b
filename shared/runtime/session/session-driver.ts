import type { Logger } from 'pino';
import type { Destination } from '../../protocol/destination.ts';
import type { ErrorName } from '../../protocol/errors.ts';
import type { AnnouncedAddress } from '../../protocol/session/announcements.ts';
import type { SessionEvent } from '../../protocol/session/events.ts';
import type { RateLimit } from '../../protocol/session/rate-limits.ts';
import type { Session } from '../../protocol/session/session.ts';
import type { SteeringPolicy } from '../../protocol/steering/steering-policy.ts';
import type { OutgoingChunk } from '../../protocol/stream/send-buffer.ts';
import { releaseReceived } from '../subflow/receive-memory.ts';
import type { SubflowTransport } from '../subflow/subflow-transport.ts';
import type { MonotonicClock } from './clock.ts';
import { farewell } from './farewell.ts';
import type { SessionOwner, StreamHandlers } from './session-handlers.ts';
import type { UplinkTraffic } from './uplink-traffic.ts';

export interface SessionDriverOptions {
  readonly session: Session;
  readonly owner: SessionOwner;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  /** Counts the bytes of an uplink, by name. */
  trafficOf(uplinkName: string): UplinkTraffic;
}

interface Attached {
  readonly transport: SubflowTransport;
  readonly traffic: UplinkTraffic;
  readonly uplinkName: string;
  readonly sinceMs: number;
  doubtReason: string | undefined;
}

/** A subflow's connection, as this end sees it. */
export interface SubflowLink {
  readonly local: Destination;
  /** Where the uplink is a proxy, the proxy. */
  readonly remote: Destination;
  /** Since when it is up, by the session's clock. */
  readonly sinceMs: number;
  /** Why it is doubted, if it is. */
  readonly doubtReason: string | undefined;
}

/** The kernel's figures are read this often while a session is busy; a call costs under a microsecond. */
const MEASURE_INTERVAL_MS = 2;
/** Received bytes go on to the applications at the end of the turn, or earlier after this many: while the processor's cache has them. */
const DISPATCH_BYTES = 256 * 1024;

/**
 * Runs one session core on real time and real subflows. Inputs of one turn of the event loop are worked off together in
 * its check phase: everything that was read is parsed before anything is decided.
 */
export class SessionDriver {
  readonly session: Session;
  /** When the session began, by its clock. */
  readonly startedMs: number;
  readonly #options: SessionDriverOptions;
  readonly #attached = new Map<number, Attached>();
  readonly #handlers = new Map<number, StreamHandlers>();
  readonly #parkReasons = new Map<string, string>();
  #undispatchedBytes = 0;
  #turnScheduled: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #measuredMs = Number.NEGATIVE_INFINITY;
  #isOver = false;
  #resolveFinished: () => void = () => {};
  /** Resolves when the session has ended and its last frame has left, or had time to. */
  readonly finished: Promise<void> = new Promise((resolve) => {
    this.#resolveFinished = resolve;
  });
  #closedWith: ErrorName | undefined;
  #isClosedByPeer = false;

  constructor(options: SessionDriverOptions) {
    this.session = options.session;
    this.startedMs = options.clock();
    this.#options = options;
    this.#wake();
  }

  /** A subflow whose handshake is done; `rest` is what arrived behind it. `isWriting`: its last frame is still leaving. */
  addSubflow(
    subflow: { id: number; uplinkName: string; isBackup: boolean; path?: number },
    transport: SubflowTransport,
    rest: Uint8Array,
    isWriting = false,
  ): void {
    const traffic = this.#options.trafficOf(subflow.uplinkName);
    const { congestionControl } = transport;
    this.session.addSubflow({ ...subflow, congestionControl }, this.#options.clock());
    if (isWriting) this.session.subflowBusy(subflow.id);
    const { id, uplinkName } = subflow;
    const sinceMs = this.#options.clock();
    this.#attached.set(id, { transport, traffic, uplinkName, sinceMs, doubtReason: undefined });
    transport.setHandlers({
      onBytes: (bytes) => this.#onBytes(id, traffic, bytes),
      onWritable: () => {
        this.session.subflowWritable(id);
        this.#wake();
      },
      onClose: (error) => this.#onTransportClosed(id, error),
    });
    if (rest.length > 0) this.#onBytes(id, traffic, rest);
    this.#wake();
  }

  /** Closes a subflow of ours; what is under way on it goes elsewhere. */
  removeSubflow(subflowId: number): void {
    const attached = this.#attached.get(subflowId);
    if (attached === undefined) return;
    this.session.removeSubflow(subflowId, this.#options.clock());
    this.#detach(subflowId);
    this.#wake();
  }

  /** Something outside says that a subflow is in trouble: what is under way on it goes elsewhere too, at once. */
  doubtSubflow(subflowId: number, reason: string): void {
    this.session.doubtSubflow(subflowId, reason, this.#options.clock());
    this.#wake();
  }

  /** Undefined when it is gone. */
  linkOf(subflowId: number): SubflowLink | undefined {
    const attached = this.#attached.get(subflowId);
    if (attached === undefined) return undefined;
    const { transport, sinceMs, doubtReason } = attached;
    return {
      local: { host: transport.localAddress, port: transport.localPort },
      remote: { host: transport.remoteAddress, port: transport.remotePort },
      sinceMs,
      doubtReason,
    };
  }

  /** Why the harm guard leaves an uplink out of what this end sends, if it does. */
  parkReasonOf(uplinkName: string): string | undefined {
    return this.#parkReasons.get(uplinkName);
  }

  /** Client: a subflow is one too many; it is closed once nothing is under way on it. */
  retireSubflow(subflowId: number): void {
    this.session.retireSubflow(subflowId, this.#options.clock());
    this.#wake();
  }

  /** Client: makes a subflow a backup, or one like any other, for both ends. */
  setBackup(subflowId: number, isBackup: boolean): void {
    this.session.setBackup(subflowId, isBackup, this.#options.clock());
    this.#wake();
  }

  /** Client: most that an uplink may carry in each direction, from now on. */
  limitRate(uplinkName: string, limit: RateLimit): void {
    this.session.limitRate(uplinkName, limit, this.#options.clock());
    this.#wake();
  }

  /** Client: opens a stream; `handlersOf` makes its handlers. @throws StreamError when the session takes none */
  openStream<Handlers extends StreamHandlers>(
    destination: Destination,
    policy: SteeringPolicy,
    handlersOf: (streamId: number) => Handlers,
  ): Handlers {
    const id = this.session.openStream(destination, policy, this.#options.clock());
    const handlers = handlersOf(id);
    this.#handlers.set(id, handlers);
    this.#wake();
    return handlers;
  }

  /** Client: steers an open stream by another policy, in both directions; without effect when it is gone. */
  steerStream(streamId: number, policy: SteeringPolicy): void {
    this.session.steerStream(streamId, policy, this.#options.clock());
    this.#wake();
  }

  /** Concentrator: who hears of a requested stream. */
  attachStream(streamId: number, handlers: StreamHandlers): void {
    this.#handlers.set(streamId, handlers);
  }

  acceptStream(streamId: number): void {
    this.session.acceptStream(streamId);
    this.#wake();
  }

  refuseStream(streamId: number, error: ErrorName): void {
    this.#handlers.delete(streamId);
    this.session.refuseStream(streamId, error);
    this.#wake();
  }

  /** @returns false when the application should not be read until `onWritable` */
  write(streamId: number, chunk: OutgoingChunk): boolean {
    this.#wake();
    return this.session.write(streamId, chunk);
  }

  end(streamId: number): void {
    this.session.end(streamId);
    this.#wake();
  }

  reset(streamId: number, error: ErrorName): void {
    this.#handlers.delete(streamId);
    this.session.reset(streamId, error);
    this.#wake();
  }

  consumed(streamId: number, bytes: number): void {
    this.session.consumed(streamId, bytes, this.#options.clock());
    this.#wake();
  }

  /** A stream that is done on both sides needs no handlers any more. */
  forgetStream(streamId: number): void {
    this.#handlers.delete(streamId);
  }

  /** Concentrator: its other addresses, from now on. */
  announce(addresses: readonly AnnouncedAddress[]): void {
    this.session.announce(addresses);
    this.#wake();
  }

  /** No new streams. */
  goAway(error: ErrorName): void {
    this.session.goAway(error);
    this.#wake();
  }

  /** Ends the session at once. */
  close(error: ErrorName): void {
    this.session.close(error, this.#options.clock());
    this.#wake();
  }

  #onBytes(subflowId: number, traffic: UplinkTraffic, bytes: Uint8Array): void {
    traffic.receivedBytes += bytes.length;
    this.#contain(() => {
      const keptBytes = this.session.receive(subflowId, bytes, this.#options.clock());
      releaseReceived(bytes, bytes.length - keptBytes);
      this.#undispatchedBytes += bytes.length;
      if (this.#undispatchedBytes >= DISPATCH_BYTES) this.#dispatchEvents();
    });
    this.#wake();
  }

  /** A defect of ours ends the session it shows in, and not the others of the program. */
  #contain(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (this.session.isClosed) throw error;
      this.#options.logger.error({ err: error }, 'a defect of this program: the session ends');
      this.session.close('internalError', this.#options.clock());
    }
  }

  #onTransportClosed(subflowId: number, error: Error | undefined): void {
    const attached = this.#attached.get(subflowId);
    if (attached === undefined) return;
    const { logger } = this.#options;
    logger.info(
      { subflow: subflowId, uplink: attached.uplinkName, reason: error?.message ?? 'closed' },
      'subflow lost',
    );
    this.#attached.delete(subflowId);
    this.session.removeSubflow(subflowId, this.#options.clock());
    this.#options.owner.onSubflowClosed(subflowId);
    this.#wake();
  }

  #wake(): void {
    if (this.#isOver) return;
    this.#turnScheduled ??= setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#turnScheduled = undefined;
    this.#contain(() => this.#work(this.#options.clock()));
    if (this.session.isClosed) {
      this.#write();
      this.#dispatchEvents();
      this.#finish();
    } else {
      this.#armTimer();
    }
  }

  #work(nowMs: number): void {
    // What was received goes on to the applications before anything new is decided.
    this.#dispatchEvents();
    this.#measure(nowMs);
    this.session.flush(nowMs);
    this.#write();
    this.#dispatchEvents();
  }

  #write(): void {
    for (const [id, { transport, traffic }] of this.#attached) {
      const output = this.session.takeOutput(id);
      if (output.length === 0) continue;
      for (const buffer of output) traffic.sentBytes += buffer.length;
      transport.write(output);
    }
  }

  #measure(nowMs: number): void {
    if (nowMs - this.#measuredMs < MEASURE_INTERVAL_MS) return;
    this.#measuredMs = nowMs;
    for (const [id, { transport }] of this.#attached) {
      const measurement = transport.measure();
      if (measurement !== undefined) this.session.subflowMeasured(id, measurement, nowMs);
    }
  }

  /** One timer; it is not moved when the deadline moves away, since firing early is harmless. */
  #armTimer(): void {
    const deadlineMs = this.session.deadlineMs;
    if (deadlineMs >= this.#timerAtMs || deadlineMs === Number.POSITIVE_INFINITY) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = deadlineMs;
    const waitMs = Math.max(0, Math.ceil(deadlineMs - this.#options.clock()));
    this.#timer = setTimeout(() => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      // Not at once: when this process was held up, receipts wait to be read, and must count before any silence does.
      this.#wake();
    }, waitMs);
  }

  #dispatchEvents(): void {
    this.#undispatchedBytes = 0;
    let event = this.session.nextEvent();
    while (event !== undefined) {
      if (event.type !== 'stream-data') {
        this.#dispatch(event);
        event = this.session.nextEvent();
        continue;
      }
      // What came for one stream goes to its application in one write.
      const { streamId } = event;
      const pieces: Uint8Array[] = [];
      while (event?.type === 'stream-data' && event.streamId === streamId) {
        pieces.push(event.bytes);
        event = this.session.nextEvent();
      }
      this.#handlers.get(streamId)?.onData(pieces);
    }
  }

  #dispatch(event: Exclude<SessionEvent, { type: 'stream-data' }>): void {
    const { owner, logger } = this.#options;
    switch (event.type) {
      case 'stream-writable':
        this.#handlers.get(event.streamId)?.onWritable();
        break;
      case 'stream-opened':
        this.#handlers.get(event.streamId)?.onOpened();
        break;
      case 'stream-ended':
        this.#handlers.get(event.streamId)?.onEnded();
        break;
      case 'stream-failed': {
        const handlers = this.#handlers.get(event.streamId);
        this.#handlers.delete(event.streamId);
        handlers?.onFailed(event.error);
        break;
      }
      case 'stream-requested':
        owner.onStreamRequested?.(event.streamId, event.destination, event.mode);
        break;
      case 'subflow-state': {
        const attached = this.#attached.get(event.subflowId);
        if (attached !== undefined)
          attached.doubtReason = event.state === 'doubted' ? event.reason : undefined;
        logger.info(
          { subflow: event.subflowId, uplink: attached?.uplinkName, reason: event.reason },
          `subflow ${event.state}`,
        );
        if (event.state === 'active') owner.onSubflowRecovered?.(event.subflowId);
        break;
      }
      case 'subflow-replace':
        owner.onSubflowReplace?.(event.subflowId);
        break;
      case 'uplink-parked':
      case 'uplink-unparked':
        logger.info(
          { uplink: event.uplinkName, reason: event.reason },
          event.type === 'uplink-parked' ? 'uplink parked' : 'uplink in use again',
        );
        if (event.type === 'uplink-parked') this.#parkReasons.set(event.uplinkName, event.reason);
        else this.#parkReasons.delete(event.uplinkName);
        break;
      case 'subflows-wanted':
        logger.info({ uplink: event.uplinkName, count: event.count }, 'number of subflows');
        owner.onSubflowsWanted?.(event.uplinkName, event.count);
        break;
      case 'subflow-close':
        logger.info(
          { subflow: event.subflowId, uplink: this.#uplinkOf(event.subflowId), reason: event.reason },
          'subflow given up',
        );
        this.#detach(event.subflowId);
        owner.onSubflowClosed(event.subflowId);
        break;
      case 'going-away':
        owner.onGoingAway?.(event.error);
        break;
      case 'session-closed':
        this.#closedWith ??= event.error;
        this.#isClosedByPeer = event.by === 'peer';
        logger.info({ error: event.error, by: event.by, reason: event.reason }, 'session closed');
        break;
      case 'address-added':
        owner.onAddressAdded?.(event.addressId, event);
        break;
      case 'address-removed':
        owner.onAddressRemoved?.(event.addressId);
        break;
    }
  }

  #uplinkOf(subflowId: number): string | undefined {
    return this.#attached.get(subflowId)?.uplinkName;
  }

  #detach(subflowId: number): void {
    const attached = this.#attached.get(subflowId);
    this.#attached.delete(subflowId);
    attached?.transport.destroy();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    const farewells = [...this.#attached].map(([id, { transport }]) =>
      farewell(transport, this.#isClosedByPeer, () => {
        this.session.subflowWritable(id);
        return this.session.takeOutput(id);
      }),
    );
    this.#attached.clear();
    this.#handlers.clear();
    void Promise.all(farewells).then(this.#resolveFinished);
    this.#options.owner.onClosed(this.#closedWith ?? 'internalError');
  }
}
