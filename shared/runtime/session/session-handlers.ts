import type { DatagramEvent } from '../../protocol/datagram/datagram-commands.ts';
import type { Destination } from '../../protocol/destination.ts';
import type { ErrorName } from '../../protocol/errors.ts';
import type { Chunk } from '../../protocol/memory/chunk.ts';
import type { AnnouncedAddress } from '../../protocol/session/announcements.ts';
import type { PublicationId, PublishedPlace, PublishOutcome } from '../../protocol/session/publications.ts';
import type { Visit } from '../../protocol/session/stream-commands.ts';
import type { SteeringMode } from '../../protocol/steering/modes.ts';

/** What a session logs to: a `Logger`, or one that limits the lines that the peer causes. */
export interface SessionLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What one end of a stream hears from its session. */
export interface StreamHandlers {
  onOpened(): void;
  /** Bytes in order, all that came in one turn. When they have left, release each chunk and tell the session with `consumed`. */
  onData(chunks: readonly Chunk[]): void;
  onEnded(): void;
  /** In place of `onFailed`, where it is there: the peer has answered that the origin was never connected. */
  onRefused?(error: ErrorName): void;
  /** `hasAll`: everything had come, up to the end. */
  onFailed(error: ErrorName, hasAll?: boolean): void;
  onWritable(): void;
  /** The application must not be read until `onWritable`. */
  onBlocked?(): void;
  /** Concentrator: the application keeps its silent connection alive, after so much silence. */
  onKeepAlive?(idleMs: number): void;
}

/** What the program that owns a session hears from it. */
export interface SessionOwner {
  /** Concentrator: attach handlers with `attachStream`, then tell the session to accept or refuse. */
  onStreamRequested?(streamId: number, destination: Destination, mode: SteeringMode): void;
  /** Client: the same for a visitor; it may be steered before. */
  onInbound?(streamId: number, visit: Visit): void;
  /** Concentrator: answer with `publications.answer`. It replaces what the slot had before. */
  onPublishRequested?(id: PublicationId, place: PublishedPlace): void;
  onPublishWithdrawn?(slot: number): void;
  /** Client: what became of a publication, now. */
  onPublished?(id: PublicationId, outcome: PublishOutcome): void;
  onSubflowClosed(subflowId: number, uplinkName: string): void;
  /** Client: dial another one beside a subflow that is silent; unless it has failed, it may only pause. */
  onSubflowReplace?(subflowId: number, uplinkName: string, isFailed: boolean): void;
  /** Receipts came again on a subflow that was doubted. */
  onSubflowRecovered?(subflowId: number, uplinkName: string): void;
  onSubflowsWanted?(uplinkName: string, count: number): void;
  /** Client: the surplus subflows are to go, and so many more than configured are to be there. */
  onPathSearch?(uplinkName: string, extra: number, surplus: readonly number[]): void;
  /** Client: the concentrator has another address, under this id. If `joinHere` is false, further subflows may go to announced addresses only. */
  onAddressAdded?(addressId: number, address: AnnouncedAddress): void;
  onAddressRemoved?(addressId: number): void;
  /** Of the datagram plane: datagrams, and what becomes of flows and associations. */
  onDatagramEvent?(event: DatagramEvent): void;
  onGoingAway?(error: ErrorName): void;
  onClosed(error: ErrorName): void;
}
