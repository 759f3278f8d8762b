import type { Destination } from '../destination.ts';
import type { ErrorName } from '../errors.ts';
import type { OutgoingChunk } from '../memory/chunk.ts';
import type { StreamPolicy } from '../steering/steering-policy.ts';

/** What the program around a session tells it of streams. Those of a stream that is gone are without effect. */
export interface StreamCommands {
  /** Streams that are open now. */
  readonly count: number;
  /** Bytes that wait in reorder buffers. */
  readonly reorderBytes: number;
  /** Client: why `open` would be refused; undefined when it would not. */
  readonly cannotOpen: ErrorName | undefined;
  /**
   * Client: opens a stream; its first bytes may follow at once.
   * @returns its id
   * @throws StreamError when `cannotOpen`, or with one steering policy too many; MisuseError for a policy that the wire cannot carry
   */
  open(destination: Destination, policy: StreamPolicy): number;
  /** Client: steers an open stream by another policy, in both directions; with one policy too many it fails. @throws MisuseError as `open` */
  steer(streamId: number, policy: StreamPolicy): void;
  /** Client: the application sends keep-alives after so many whole `seconds` of silence; 0 counts as 1. */
  keepAlive(streamId: number, seconds: number): void;
  /** Concentrator: the origin is connected. */
  accept(streamId: number): void;
  /** Concentrator: the origin cannot be reached. */
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
   * Bytes that were written and have not all arrived; an end that has not counts as one more. undefined when the stream is
   * gone.
   */
  undeliveredBytes(streamId: number): number | undefined;
  /** The application has taken `bytes` of what `stream-data` brought. */
  consumed(streamId: number, bytes: number): void;
}
