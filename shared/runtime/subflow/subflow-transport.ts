import type { KernelMeasurement } from '../../protocol/kernel-measurement.ts';
import type { ReceivedChunk } from '../../protocol/memory/chunk.ts';

export interface SubflowTransportHandlers {
  /** Bytes arrived, at least one; the receiver releases them. */
  onBytes(chunk: ReceivedChunk): void;
  /** The last write has gone to the kernel; the next may follow. */
  onWritable(): void;
  /** The connection is gone, for good; called exactly once, last. */
  onClose(error?: Error): void;
}

/** One TLS 1.3 connection between client and concentrator, handshake done, certificate checked. */
export interface SubflowTransport {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** 32 bytes of TLS exporter (RFC 5705 / RFC 8446 section 7.5), equal at both ends and unique to this connection. */
  readonly exporter: Uint8Array;
  /** The kernel's congestion control that it began with for what is sent here, by name; undefined where `measure` has nothing to say. */
  readonly congestionControl: string | undefined;
  /** Another process of this program does TLS, and relays what it carries. */
  readonly isRelayed?: boolean;
  /** Nothing is read before this. May be called again: the handshake hands the connection over to the session. */
  setHandlers(handlers: SubflowTransportHandlers): void;
  /**
   * Sends the buffers in one write. At most one write is under way: callers wait for `onWritable` after each.
   * The buffers may be reused as soon as this returns (TLS has encrypted or copied them).
   */
  write(buffers: readonly Uint8Array[]): void;
  /** Whether it reads from now on; what was read already may still come. At first it does. */
  setReading(isReading: boolean): void;
  /** Whether the kernel asks a silent peer for a sign of life, as it does at first where the transport has this. */
  keepAlive?(isOn: boolean): void;
  /** Kernel figures now, or undefined where they cannot be read (not Linux, no koffi, proxied, closed). */
  measure(): KernelMeasurement | undefined;
  destroy(): void;
}
