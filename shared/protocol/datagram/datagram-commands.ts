import type { Destination } from '../destination.ts';
import type { ErrorName } from '../errors.ts';
import type { SteeringMode } from '../steering/modes.ts';
import type { StreamPolicy } from '../steering/steering-policy.ts';

/** What the concentrator offers with DATAGRAM_SETUP (SPEC.md section 13). */
export interface DatagramSetup {
  readonly epoch: number;
  /** UDP port; 0 where all messages travel on subflows. */
  readonly port: number;
  /** 8 bytes that name session and epoch in packets. */
  readonly connectionId: Uint8Array;
  /** 32 bytes from which both ends derive their keys. */
  readonly secret: Uint8Array;
  /** Most that the client may have at once. */
  readonly maxFlows: number;
  readonly maxAssociations: number;
}

/** A packet of the datagram plane without its protection. */
export interface OutgoingPacket {
  readonly epoch: number;
  readonly path: number;
  readonly counter: number;
  /** The message: what stands before the payload, and the payload. Whole in the sum of both. */
  readonly head: Uint8Array;
  readonly payload: Uint8Array;
}

/** A packet that has authenticated. */
export interface IncomingPacket {
  readonly epoch: number;
  readonly path: number;
  readonly counter: number;
  /** The receiver may keep it. */
  readonly message: Uint8Array;
  /** Bytes of the whole UDP payload. */
  readonly packetBytes: number;
  /**
   * Concentrator: it came from another address than the path's packets were sent to, and they go there from now on: the path is to be
   * validated anew. What `takePackets` has from before must not go there.
   */
  readonly isMoved: boolean;
}

/** A flow that the peer has begun. */
export interface OpenedFlow {
  readonly flowId: number;
  readonly associationId: number;
  readonly destination: Destination;
  readonly mode: SteeringMode;
}

/** What the program around a session tells it of datagrams, and takes from it. */
export interface DatagramCommands {
  /** What holds now; undefined before DATAGRAM_SETUP and where the peer has no such feature. */
  readonly setup: DatagramSetup | undefined;

  /**
   * Concentrator: the first offer, or new keys.
   * @param randomBytes makes what nobody can guess: only who repeats it on a path is at the path's address
   */
  offer(setup: Omit<DatagramSetup, 'epoch'>, randomBytes: (count: number) => Uint8Array): void;

  /** Client: an uplink has a socket from now on. Its PATH leaves with the next flush. @returns the path's number; undefined while there are 32 */
  addPath(uplinkName: string): number | undefined;
  /** Client: the path's socket, or its uplink, is gone. */
  removePath(path: number): void;

  /** Client: a source of datagrams. @throws StreamError resourceExceeded, goingAway; unsupportedMessage where nothing was offered */
  openAssociation(): number;
  /** It has ended, with all its flows; the peer is told. Without effect on one that is not open. */
  endAssociation(associationId: number, error: ErrorName): void;

  /**
   * The datagrams between an association and a destination. The concentrator begins those of what nobody has asked.
   * @param policy by default that of the association's other flows
   * @throws StreamError resourceExceeded, goingAway; cancelled where the association has ended
   */
  openFlow(associationId: number, destination: Destination, policy?: StreamPolicy): number;
  /** Client: otherwise from now on. The flow ends where the session follows no more policies. */
  steerFlow(flowId: number, policy: StreamPolicy): void;
  endFlow(flowId: number, error: ErrorName): void;

  /** A datagram of this end's; it leaves with the next flush, or is dropped and counted. The payload is the plane's from now on. */
  send(flowId: number, payload: Uint8Array): void;

  /** The uplink of a path; undefined where the peer has not said it yet, or there is no such path. */
  uplinkOf(path: number): string | undefined;

  /** Whether a packet need be opened: it is no repeat of one that was received. */
  isNew(path: number, counter: number): boolean;
  /** What was opened. Nothing in it ends the session. */
  receive(packet: IncomingPacket): void;

  /** What is to be protected and sent now, in this order. */
  takePackets(): readonly OutgoingPacket[];
  /** The kernel took none of a path's packet, since it is longer than the interface carries: the next ones are shorter. */
  onTooLong(path: number, packetBytes: number): void;
}

/** What a session tells the program around it of datagrams. */
export type DatagramEvent =
  /** Client: sockets may be opened for this, or new keys hold. */
  | { readonly type: 'datagrams-offered'; readonly setup: DatagramSetup }
  /** The peer has begun a flow; at the concentrator its association, too, if that is new. */
  | { readonly type: 'flow-opened'; readonly flow: OpenedFlow }
  | { readonly type: 'datagram'; readonly flowId: number; readonly payload: Uint8Array }
  /** By the peer, or because its policy was one too many. */
  | { readonly type: 'flow-ended'; readonly flowId: number; readonly error: ErrorName }
  | { readonly type: 'association-ended'; readonly associationId: number; readonly error: ErrorName };
