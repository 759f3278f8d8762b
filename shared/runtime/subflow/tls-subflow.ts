import type { TLSSocket } from 'node:tls';
import { MisuseError } from '../../protocol/errors.ts';
import type { KernelMeasurement } from '../../protocol/kernel-measurement.ts';
import { OwnBytes } from '../../protocol/memory/chunk.ts';
import type { NativeSockets } from '../kernel/native.ts';
import { descriptorOf, readThrough } from '../kernel/socket-handle.ts';
import { readCongestionControl, setCongestionControl } from '../kernel/socket-options.ts';
import { DeliveryProgress, readSegmentBytes, readTcpInfo, type SegmentBytes } from '../kernel/tcp-info.ts';
import { type ReceivePool, SubflowReader } from './receive-pool.ts';
import { PROBING_ALPN, subflowExporter } from './subflow-tls.ts';
import type { SubflowTransport, SubflowTransportHandlers } from './subflow-transport.ts';
import { TwoWayCongestion } from './two-way-congestion.ts';

/** `SubflowTransport` over a TLS connection whose handshake is done and whose peer has been checked. */
export class TlsSubflow implements SubflowTransport {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly exporter: Uint8Array;
  readonly congestionControl: string | undefined;
  /** The other end answers PROBE. */
  readonly answersProbe: boolean;
  readonly #socket: TLSSocket;
  readonly #native: NativeSockets | undefined;
  readonly #reader: SubflowReader;
  readonly #progress: DeliveryProgress;
  readonly #twoWay: TwoWayCongestion | undefined;
  #handlers: SubflowTransportHandlers | undefined;
  #writing = false;
  #isReading = true;
  #closed = false;
  #error: Error | undefined;

  /**
   * @param native reads the kernel's figures; left out where they would be about another connection (a proxy's)
   * @param isFixed its congestion control was asked for by name, and stays
   * @param remoteAddress the other end's, where somebody between passes the connection on
   */
  constructor(
    socket: TLSSocket,
    pool: ReceivePool,
    native: NativeSockets | undefined,
    isFixed = false,
    remoteAddress = socket.remoteAddress ?? '',
  ) {
    this.#reader = new SubflowReader(pool);
    this.#progress = new DeliveryProgress(pool.clock);
    this.#socket = socket;
    this.#native = native;
    this.exporter = subflowExporter(socket);
    this.answersProbe = socket.alpnProtocol === PROBING_ALPN;
    this.congestionControl = congestionControlOf(socket, native);
    if (this.congestionControl === 'bbr' && !isFixed) {
      this.#twoWay = new TwoWayCongestion(pool.clock, (name) =>
        chooseCongestionControl(socket, native, name),
      );
    }
    this.remoteAddress = remoteAddress;
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = socket.localAddress ?? '';
    this.localPort = socket.localPort ?? 0;
    socket.pause();
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    // There is no half-close: a subflow that ends in one direction is of no use in the other.
    socket.once('end', () => socket.destroy());
    socket.once('close', () => this.#onClose());
  }

  setHandlers(handlers: SubflowTransportHandlers): void {
    const first = this.#handlers === undefined;
    this.#handlers = handlers;
    if (this.#closed) {
      // It was closed before there were these handlers.
      setImmediate(() => handlers.onClose(this.#error));
    } else if (first) {
      this.#startReading();
    }
  }

  #startReading(): void {
    const socket = this.#socket;
    const reader = this.#reader;
    const reads = readThrough(socket, {
      buffer: () => reader.next(),
      callback: (length) => {
        this.#handlers?.onBytes(reader.take(length));
        return true;
      },
    });
    if (!reads) {
      socket.on('data', (bytes) => this.#handlers?.onBytes(new OwnBytes(bytes)));
      socket.resume();
      return;
    }
    queueMicrotask(() => {
      // What came with the end of the handshake. `resume` would throw it away, since there is no 'data' listener.
      const early = socket.read() as Buffer | null;
      if (early !== null) this.#handlers?.onBytes(new OwnBytes(early));
      if (this.#isReading) socket.resume();
    });
  }

  write(buffers: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (this.#writing) throw new MisuseError('a subflow was written to before onWritable');
    const last = buffers.length - 1;
    if (last < 0) throw new MisuseError('a write to a subflow must carry something');
    this.#writing = true;
    // Uncorked at once, with nothing else queued, so that TLS has encrypted it all when this returns.
    socket.cork();
    for (let i = 0; i < last; i += 1) socket.write(buffers[i]!);
    socket.write(buffers[last]!, this.#onWritten);
    socket.uncork();
  }

  setReading(isReading: boolean): void {
    if (this.#isReading === isReading) return;
    this.#isReading = isReading;
    if (isReading) this.#socket.resume();
    else this.#socket.pause();
  }

  keepAlive(isOn: boolean): void {
    this.#socket.setKeepAlive(isOn);
  }

  measure(): KernelMeasurement | undefined {
    if (this.#native === undefined) return undefined;
    const descriptor = descriptorOf(this.#socket);
    if (descriptor === undefined) return undefined;
    const kernel = readTcpInfo(this.#native, descriptor, this.#progress);
    if (kernel === undefined || this.#twoWay === undefined) return kernel;
    this.#twoWay.onMeasured(kernel, this.#socket.bytesRead);
    return { congestionControl: this.#twoWay.name, ...kernel };
  }

  /** How long its segments may be; undefined as with `measure`. */
  segmentBytes(): SegmentBytes | undefined {
    if (this.#native === undefined) return undefined;
    const descriptor = descriptorOf(this.#socket);
    return descriptor === undefined ? undefined : readSegmentBytes(this.#native, descriptor);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #onWritten = (error?: Error | null): void => {
    this.#writing = false;
    if (!error && !this.#socket.destroyed) this.#handlers?.onWritable();
  };

  #onClose(): void {
    this.#closed = true;
    this.#reader.close();
    this.#handlers?.onClose(this.#error);
  }
}

/** @returns false where the kernel does not let it: the connection goes on with what it has */
function chooseCongestionControl(
  socket: TLSSocket,
  native: NativeSockets | undefined,
  name: string,
): boolean {
  const descriptor = descriptorOf(socket);
  if (native === undefined || descriptor === undefined) return false;
  try {
    setCongestionControl(native, descriptor, name);
    return true;
  } catch {
    // Not allowed, or the connection was just lost.
    return false;
  }
}

function congestionControlOf(socket: TLSSocket, native: NativeSockets | undefined): string | undefined {
  const descriptor = descriptorOf(socket);
  if (native === undefined || descriptor === undefined) return undefined;
  try {
    return readCongestionControl(native, descriptor);
  } catch {
    return undefined;
  }
}
