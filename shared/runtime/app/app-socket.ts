import type { Destination } from '../../protocol/destination.ts';
import type { OutgoingChunk } from '../../protocol/memory/chunk.ts';

export interface AppSocketHandlers {
  /** At least one byte was read. */
  onChunk(chunk: OutgoingChunk): void;
  /** The other side has finished sending (FIN); it may still read. */
  onEnd(): void;
  /** Everything written so far has left this process. Told after `write` returned false. */
  onDrain(): void;
  /** The connection is gone, for good; called exactly once, last. `error` is absent after a clean close. */
  onClose(error?: NodeJS.ErrnoException): void;
  /** The other side keeps the silent connection alive, after so much silence: what lies behind it should be kept alive, too. */
  onKeepAlive?(idleMs: number): void;
}

/**
 * One plain TCP connection to an application (client-proxy) or an origin (server-concentrator).
 *
 * Reads arrive in large reused buffers where Node allows it, so a chunk is its receiver's only until it is
 * released. Nothing is read before `resume` and nothing after `pause`.
 */
export interface AppSocket {
  /** Both addresses are empty once it is closed; that of a client of a Unix socket is `UNIX_CLIENT`. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  /**
   * Where the other side meant to connect, if the packet filter of this machine has led it here; otherwise where it has connected.
   * Undefined where that cannot be told.
   */
  originalDestination?(): Destination | undefined;
  /** Replaces the handlers: the negotiation with an application hands the connection over to the relay this way. */
  setHandlers(handlers: AppSocketHandlers): void;
  resume(): void;
  pause(): void;
  /**
   * Writes the pieces, at least one, in one system call where possible. The memory must stay as it is until `onWritten`, which
   * runs when all of it has gone to the kernel: that is when flow-control credit is due. Returns false if the writer should
   * wait for `onDrain`.
   */
  write(pieces: readonly Uint8Array[], onWritten?: () => void): boolean;
  /** What the kernel keeps for it, in bytes of its memory; undefined where that cannot be asked. */
  kernelBytes?(): number | undefined;
  /** Whether the kernel is to keep little for it, in either direction: slower, but many need little together then. */
  narrow?(isNarrow: boolean): void;
  /** Half-closes: sends FIN after what was written; reading goes on. */
  end(): void;
  /** Asks the other side whether it is still there, after so much silence; it has no effect if that is done earlier already. */
  keepAlive(idleMs: number): void;
  /**
   * Closes both ways: at once; or with RST where the platform can, so that the other side sees an error; or when what was
   * written has left.
   */
  destroy(how?: 'close' | 'reset' | 'after-writes'): void;
}
