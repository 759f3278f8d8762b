import type { ControlFrame } from '../codec/frame.ts';
import { FIRST_INBOUND_STREAM } from '../codec/wire.ts';
import type { DatagramPlane } from '../datagram/plane/datagram-plane.ts';
import { type ErrorName, errorName, ProtocolViolation } from '../errors.ts';
import { expectRole, type Role } from '../role.ts';
import { modeOfWire } from '../steering/modes.ts';
import type { Uplink } from '../uplink/uplink.ts';
import type { SessionEvent } from './events.ts';
import type { Publications } from './publications.ts';
import type { SessionSubflow } from './sent-item.ts';
import type { SessionStreams } from './session-streams.ts';
import type { SessionSubflows } from './session-subflows.ts';

/** The parts of a session that frames are for. */
export interface FrameReceivers {
  readonly role: Role;
  readonly streams: SessionStreams;
  readonly subflows: SessionSubflows;
  readonly publications: Publications;
  readonly datagrams: DatagramPlane;
  /** Client: the concentrator takes no new streams. */
  onGoingAway(): void;
  onClose(error: ErrorName): void;
  emit(event: SessionEvent): void;
}

/** Frames that say something; RECEIPT and PING are about subflows alone. */
export type TellingFrame = Exclude<ControlFrame, { type: 'receipt' | 'ping' }>;

/** Hands each control frame to the part that it is for, if it comes from the right end. */
export class ControlFrames {
  readonly #to: FrameReceivers;
  /** The uplink that what is received now comes on. */
  source: Uplink | undefined;

  constructor(receivers: FrameReceivers) {
    this.#to = receivers;
  }

  /** @throws ProtocolViolation */
  receive(frame: TellingFrame): void {
    switch (frame.type) {
      case 'open':
      case 'opened':
      case 'inbound':
      case 'steering':
      case 'keepAlive':
      case 'window':
      case 'reset':
        this.#onStream(frame);
        break;
      case 'datagramSetup':
      case 'flow':
      case 'flowEnd':
      case 'flowSteering':
      case 'datagram':
        this.#to.datagrams.onFrame(frame, this.source);
        break;
      default:
        this.#onSession(frame);
    }
  }

  #onStream(frame: StreamFrame): void {
    const { role, streams } = this.#to;
    switch (frame.type) {
      case 'open':
        expectRole(role, 'concentrator', 'OPEN');
        expectOpener('client', frame.streamId, 'OPEN');
        streams.frames.onOpen(frame.streamId, frame.limit, modeOfWire(frame.mode), frame);
        break;
      case 'opened':
        expectOpener(role, frame.streamId, 'OPENED');
        streams.frames.onOpened(frame.streamId, frame.limit, frame.ok, frame.code);
        break;
      case 'inbound':
        expectRole(role, 'client', 'INBOUND');
        streams.frames.onInbound(frame);
        break;
      case 'steering':
        expectRole(role, 'concentrator', 'STEERING');
        streams.frames.onSteering(frame);
        break;
      case 'keepAlive':
        expectRole(role, 'concentrator', 'KEEP_ALIVE');
        streams.frames.onKeepAlive(frame.streamId, frame.seconds);
        break;
      case 'window':
        streams.frames.onWindow(frame.streamId, frame.ack, frame.limit);
        break;
      case 'reset':
        streams.frames.onReset(frame.streamId, frame.code);
        break;
      default:
        frame satisfies never;
    }
  }

  #onSession(frame: SessionFrame): void {
    const { role, subflows, publications, emit } = this.#to;
    const { uplinks } = subflows;
    switch (frame.type) {
      case 'subflowState':
        subflows.onState(frame.subflowId, frame.state);
        break;
      case 'priority':
        subflows.onPriority(frame.subflowId, frame.backup, frame.generation);
        break;
      case 'subflowsWish':
        expectRole(role, 'client', 'SUBFLOWS_WISH');
        this.#withSubflow(frame.subflowId, (named) => uplinks.onWish(named, frame.count));
        break;
      case 'utilization':
        expectRole(role, 'client', 'UTILIZATION');
        this.#withSubflow(frame.subflowId, (named) => uplinks.onUtilization(named, frame.percent));
        break;
      case 'rateLimit':
        expectRole(role, 'concentrator', 'RATE_LIMIT');
        this.#withSubflow(frame.subflowId, (named) => uplinks.onRateLimit(named, frame));
        break;
      case 'addressAdd':
        expectRole(role, 'client', 'ADDRESS_ADD');
        emit({ ...frame, type: 'address-added' });
        break;
      case 'addressRemove':
        expectRole(role, 'client', 'ADDRESS_REMOVE');
        emit({ ...frame, type: 'address-removed' });
        break;
      case 'publish':
        expectRole(role, 'concentrator', 'PUBLISH');
        publications.onPublish(frame);
        break;
      case 'published':
        expectRole(role, 'client', 'PUBLISHED');
        publications.onPublished(frame);
        break;
      case 'goaway':
        // A client that goes away opens no more by itself; its OPENs that are still under way came before.
        if (role === 'client') this.#to.onGoingAway();
        emit({ type: 'going-away', error: errorName(frame.code) });
        break;
      case 'close':
        this.#to.onClose(errorName(frame.code));
        break;
      default:
        frame satisfies never;
    }
  }

  /** A frame that names a subflow may come after it is gone. */
  #withSubflow(subflowId: number, work: (subflow: SessionSubflow) => void): void {
    const subflow = this.#to.subflows.get(subflowId);
    if (subflow !== undefined) work(subflow);
  }
}

type StreamFrame = Extract<
  TellingFrame,
  { type: 'open' | 'opened' | 'inbound' | 'steering' | 'keepAlive' | 'window' | 'reset' }
>;
type SessionFrame = Exclude<
  TellingFrame,
  StreamFrame | { type: 'datagramSetup' | 'flow' | 'flowEnd' | 'flowSteering' | 'datagram' }
>;

/** The id must be one that this end gives. */
function expectOpener(opener: Role, streamId: number, frame: string): void {
  const owner = streamId < FIRST_INBOUND_STREAM ? 'client' : 'concentrator';
  if (owner !== opener) throw new ProtocolViolation(`${frame} for a stream of the wrong end`);
}
