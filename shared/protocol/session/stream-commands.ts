import type { InboundFrame } from '../codec/inbound-frames.ts';
import type { Destination } from '../destination.ts';
import type { ErrorName } from '../errors.ts';
import type { OutgoingChunk } from '../memory/chunk.ts';
import type { StreamPolicy } from '../steering/steering-policy.ts';
import type { CarriedBytes } from '../uplink/carried-bytes.ts';

/** What is known of a visitor: which publication it has come to, from where, and at which address of the concentrator. */
export type Visit = Omit<InboundFrame, 'type' | 'streamId' | 'limit'>;

/** What the program around a session tells it of streams. Those of a stream that is gone are without effect. */
export interface StreamCommands {
  /** Streams that are open now. */
  readonly count: number;
  /** Bytes that wait in reorder buffers. */
  readonly reorderBytes: number;
  /** What each uplink has carried of a stream; empty where it is gone. */
  carriedOf(streamId: number): readonly CarriedBytes[];
  /** Why `open` or `openInbound` would be refused; undefined when it would not. */
  readonly cannotOpen: ErrorName | undefined;
  /**
   * Client: opens a stream; its first bytes may follow at once.
   * @returns its id
   * @throws StreamError when `cannotOpen`, or with one steering policy too many; MisuseError for a policy that the wire cannot carry
   */
  open(destination: Destination, policy: StreamPolicy): number;
  /**
   * Concentrator: opens a stream for a visitor, whose first bytes may follow at once.
   * @returns its id
   * @throws StreamError when `cannotOpen`
   */
  openInbound(visit: Visit): number;
  /** Client: steers an open stream by another policy, in both directions; with one policy too many it fails. @throws MisuseError as `open` */
  steer(streamId: number, policy: StreamPolicy): void;
  /** Client, else without effect: the application sends keep-alives after so many whole `seconds` of silence; 0 counts as 1. */
  keepAlive(streamId: number, seconds: number): void;
  /** A stream of the peer's: the origin, or the service, is connected. */
  accept(streamId: number): void;
  /** It cannot be reached. */
  refuse(streamId: number, error: ErrorName): void;
  /**
   * Sends bytes of a stream.
   * @returns false when the application should not be read until `stream-writable`
   */
  write(streamId: number, chunk: OutgoingChunk): boolean;
  /** The application has finished sending. */
  end(streamId: number): void;
  /** Ends both directions at once and tells the peer. */
  reset(streamId: number, error: ErrorName): void;
  /**
   * Bytes that were written and have not all arrived. An end that has not counts as one more, and so does an origin that is not
   * known to be connected: nobody has the bytes yet. undefined when the stream is gone.
   */
  undeliveredBytes(streamId: number): number | undefined;
  /** The application has taken `bytes` of what `stream-data` brought. */
  consumed(streamId: number, bytes: number): void;
}
