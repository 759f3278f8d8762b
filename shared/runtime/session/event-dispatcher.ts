import type { ErrorName } from '../../protocol/errors.ts';
import type { Chunk } from '../../protocol/memory/chunk.ts';
import { PassingMap } from '../../protocol/passing-map.ts';
import type { SessionEvent } from '../../protocol/session/events.ts';
import type { Session } from '../../protocol/session/session.ts';
import type { AttachedSubflows } from './attached-subflows.ts';
import type { SessionLog, SessionOwner, StreamHandlers } from './session-handlers.ts';

export interface EventDispatcherOptions {
  readonly session: Session;
  readonly owner: SessionOwner;
  readonly logger: SessionLog;
  readonly subflows: AttachedSubflows;
}

type SubflowOrUplinkEvent = Extract<
  SessionEvent,
  { type: `subflow${string}` | `uplink${string}` | 'path-search' }
>;

/** Hands a session's events on: to the handlers of streams, to the owner of the session, and to the log. */
export class EventDispatcher {
  readonly #options: EventDispatcherOptions;
  readonly #handlers = new PassingMap<number, StreamHandlers>();
  /** Why uplinks are parked, by their names. */
  readonly #parkReasons = new Map<string, string>();
  #closedWith: ErrorName | undefined;
  #isClosedByPeer = false;

  constructor(options: EventDispatcherOptions) {
    this.#options = options;
  }

  /** Why the session ended, once it has. */
  get closedWith(): ErrorName | undefined {
    return this.#closedWith;
  }

  get isClosedByPeer(): boolean {
    return this.#isClosedByPeer;
  }

  parkReasonOf(uplinkName: string): string | undefined {
    return this.#parkReasons.get(uplinkName);
  }

  /** Who hears of a stream from now on. */
  attach(streamId: number, handlers: StreamHandlers): void {
    this.#handlers.set(streamId, handlers);
  }

  /** Nobody wants to hear of the stream any more. */
  forget(streamId: number): void {
    this.#handlers.delete(streamId);
  }

  forgetAll(): void {
    this.#handlers.clear();
  }

  /** Its application may be read again. */
  tellWritable(streamId: number): void {
    this.#handlers.get(streamId)?.onWritable();
  }

  /** Hands on all events that wait. */
  dispatch(): void {
    const { session } = this.#options;
    let event = session.nextEvent();
    while (event !== undefined) {
      if (event.type !== 'stream-data') {
        this.#dispatchOne(event);
        event = session.nextEvent();
        continue;
      }
      // What came for one stream goes to its application in one write.
      const { streamId } = event;
      const chunks: Chunk[] = [];
      while (event?.type === 'stream-data' && event.streamId === streamId) {
        chunks.push(event.chunk);
        event = session.nextEvent();
      }
      const handlers = this.#handlers.get(streamId);
      if (handlers === undefined) for (const chunk of chunks) chunk.release();
      else handlers.onData(chunks);
    }
  }

  #dispatchOne(event: Exclude<SessionEvent, { type: 'stream-data' }>): void {
    const { owner, logger } = this.#options;
    switch (event.type) {
      case 'stream-writable':
        this.tellWritable(event.streamId);
        break;
      case 'stream-blocked':
        this.#handlers.get(event.streamId)?.onBlocked?.();
        break;
      case 'stream-opened':
        this.#handlers.get(event.streamId)?.onOpened();
        break;
      case 'stream-ended':
        this.#handlers.get(event.streamId)?.onEnded();
        break;
      case 'stream-failed': {
        const handlers = this.#handlers.get(event.streamId);
        // Until it has taken all, it may have to give way yet.
        if (event.hasAll !== true) this.#handlers.delete(event.streamId);
        if (event.isRefused && handlers?.onRefused !== undefined) handlers.onRefused(event.error);
        else handlers?.onFailed(event.error, event.hasAll);
        break;
      }
      case 'stream-keep-alive':
        this.#handlers.get(event.streamId)?.onKeepAlive?.(event.seconds * 1000);
        break;
      case 'stream-requested':
        owner.onStreamRequested?.(event.streamId, event.destination, event.mode);
        break;
      case 'stream-inbound':
        owner.onInbound?.(event.streamId, event.visit);
        break;
      case 'publish-requested':
        owner.onPublishRequested?.(event, event);
        break;
      case 'publish-withdrawn':
        owner.onPublishWithdrawn?.(event.slot);
        break;
      case 'published':
        owner.onPublished?.(event, event);
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
      case 'datagrams-offered':
      case 'flow-opened':
      case 'datagram':
      case 'flow-ended':
      case 'association-ended':
        owner.onDatagramEvent?.(event);
        break;
      default:
        this.#dispatchSubflowEvent(event);
    }
  }

  #dispatchSubflowEvent(event: SubflowOrUplinkEvent): void {
    const { owner, logger, subflows } = this.#options;
    switch (event.type) {
      case 'subflow-state': {
        const attached = subflows.get(event.subflowId);
        if (attached === undefined) break;
        const { uplinkName } = attached;
        attached.doubtReason = event.state === 'doubted' ? event.reason : undefined;
        const fields = { subflow: event.subflowId, uplink: uplinkName, reason: event.reason };
        logger.info(fields, `subflow ${event.state}`);
        if (event.state === 'active') owner.onSubflowRecovered?.(event.subflowId, uplinkName);
        break;
      }
      case 'subflow-replace': {
        const uplinkName = subflows.get(event.subflowId)?.uplinkName;
        if (uplinkName !== undefined) owner.onSubflowReplace?.(event.subflowId, uplinkName, event.isFailed);
        break;
      }
      case 'subflow-close': {
        const attached = subflows.delete(event.subflowId);
        if (attached === undefined) break;
        const { uplinkName, transport } = attached;
        const fields = { subflow: event.subflowId, uplink: uplinkName, reason: event.reason };
        logger.info(fields, 'subflow given up');
        transport.destroy();
        owner.onSubflowClosed(event.subflowId, uplinkName);
        break;
      }
      case 'subflows-wanted':
        logger.info({ uplink: event.uplinkName, count: event.count }, 'number of subflows');
        owner.onSubflowsWanted?.(event.uplinkName, event.count);
        break;
      case 'path-search':
        logger.info(
          { uplink: event.uplinkName, extra: event.extra, surplus: event.surplus },
          'search for other paths',
        );
        owner.onPathSearch?.(event.uplinkName, event.extra, event.surplus);
        break;
      case 'uplink-parked':
        logger.info({ uplink: event.uplinkName, reason: event.reason }, 'uplink parked');
        this.#parkReasons.set(event.uplinkName, event.reason);
        break;
      case 'uplink-unparked':
        logger.info({ uplink: event.uplinkName, reason: event.reason }, 'uplink in use again');
        this.#parkReasons.delete(event.uplinkName);
        break;
    }
  }
}
