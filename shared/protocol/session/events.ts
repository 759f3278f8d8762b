import type { DatagramEvent } from '../datagram/datagram-commands.ts';
import type { Destination } from '../destination.ts';
import type { ErrorName } from '../errors.ts';
import type { Chunk } from '../memory/chunk.ts';
import type { SteeringMode } from '../steering/modes.ts';
import type { PublicationId, PublishedPlace, PublishOutcome } from './publications.ts';
import type { Visit } from './stream-commands.ts';

/** What a session tells the program around it; drained after each input. */
export type SessionEvent =
  /** Concentrator: a client wants a stream. Answer with `acceptStream` or `refuseStream`. */
  | {
      readonly type: 'stream-requested';
      readonly streamId: number;
      readonly destination: Destination;
      readonly mode: SteeringMode;
    }
  /** Client: a visitor wants a service. Answer with `accept` or `refuse`. */
  | { readonly type: 'stream-inbound'; readonly streamId: number; readonly visit: Visit }
  /** A stream of this end: the origin, or the service, is connected. */
  | { readonly type: 'stream-opened'; readonly streamId: number }
  /** Bytes in order. The receiver releases the chunk, and tells the session with `consumed` once they have left. */
  | { readonly type: 'stream-data'; readonly streamId: number; readonly chunk: Chunk }
  /** No more bytes will come; the other direction goes on. */
  | { readonly type: 'stream-ended'; readonly streamId: number }
  /**
   * The stream ended before its time: refused, reset by the peer, or gone with the session. `hasAll`: everything had come from
   * the peer, up to its end, so that the application shall take it.
   */
  | {
      readonly type: 'stream-failed';
      readonly streamId: number;
      readonly error: ErrorName;
      readonly hasAll?: true;
      /** OPENED said so, thus the origin, or the service, was not connected. */
      readonly isRefused?: boolean;
    }
  /** Concentrator: the application keeps its silent connection alive; so should the origin's be, after so much silence. */
  | { readonly type: 'stream-keep-alive'; readonly streamId: number; readonly seconds: number }
  /** The application may be read again. */
  | { readonly type: 'stream-writable'; readonly streamId: number }
  /** The application must not be read until `stream-writable`: there is no memory for what it says. */
  | { readonly type: 'stream-blocked'; readonly streamId: number }
  | {
      readonly type: 'subflow-state';
      readonly subflowId: number;
      readonly state: 'active' | 'doubted';
      readonly reason: string;
    }
  /** An uplink makes the whole slower: it carries nothing that anybody waits for until `uplink-unparked`. */
  | { readonly type: 'uplink-parked'; readonly uplinkName: string; readonly reason: string }
  | { readonly type: 'uplink-unparked'; readonly uplinkName: string; readonly reason: string }
  /**
   * Client: dial another subflow on the same uplink beside this one. Not `isFailed`: it may only pause, and is as good as before
   * when it goes on; the same event then comes again when that has become unlikely.
   */
  | { readonly type: 'subflow-replace'; readonly subflowId: number; readonly isFailed: boolean }
  /** Client: so many subflows are wanted on an uplink, by this end or by the peer, whichever wants more. */
  | { readonly type: 'subflows-wanted'; readonly uplinkName: string; readonly count: number }
  /** Client: to find other paths, these subflows are to go, in good order, and so many more than configured are to be there. */
  | {
      readonly type: 'path-search';
      readonly uplinkName: string;
      readonly extra: number;
      readonly surplus: readonly number[];
    }
  /** Close the transport now; the session has forgotten the subflow. */
  | { readonly type: 'subflow-close'; readonly subflowId: number; readonly reason: string }
  /** Client: another address of the concentrator, or one less. */
  | {
      readonly type: 'address-added';
      readonly addressId: number;
      readonly address: Uint8Array;
      readonly port: number;
      readonly joinHere: boolean;
    }
  | { readonly type: 'address-removed'; readonly addressId: number }
  /** Concentrator: the client wants this place to lead to it. Answer with `publications.answer`. It replaces what the slot had before. */
  | ({ readonly type: 'publish-requested' } & PublicationId & PublishedPlace)
  /** Concentrator: what the slot had is no longer wanted. */
  | { readonly type: 'publish-withdrawn'; readonly slot: number }
  /** Client: what became of a publication, now. */
  | ({ readonly type: 'published' } & PublicationId & PublishOutcome)
  /** Of the datagram plane. */
  | DatagramEvent
  /** The peer takes no new streams. */
  | { readonly type: 'going-away'; readonly error: ErrorName }
  /** The session is over; all its streams have failed and all its subflows are to be closed. */
  | {
      readonly type: 'session-closed';
      readonly error: ErrorName;
      readonly by: 'us' | 'peer';
      readonly reason: string;
    };
