import type { MessageCalls, NativeSockets } from '../kernel/native.ts';
import { takeForeign } from '../kernel/original-destination.ts';
import {
  bindToInterface,
  keepToIpv6,
  neverCut,
  setSocketBuffers,
  sharePort,
} from '../kernel/socket-options.ts';
import { reportUdpErrors } from '../kernel/udp-errors.ts';
import { BatchedSocket, type Batches } from './batched-socket.ts';
import { PlainSocket } from './plain-socket.ts';
import { ReceiveBatch } from './receive-batch.ts';
import { SendBatch } from './send-batch.ts';
import type { UdpSocket, UdpSocketOptions } from './udp-socket.ts';

/** Makes the UDP sockets of a program. */
export class UdpSockets {
  readonly #native: NativeSockets | undefined;
  /** Of the sockets that are open, by how many. */
  readonly #ports = new Map<number, number>();
  #batches: Batches | undefined;

  constructor(native: NativeSockets | undefined) {
    this.#native = native;
  }

  /** Whether any of the sockets has this port of this machine. */
  hasPort(port: number): boolean {
    return this.#ports.has(port);
  }

  /** Rejects with the system's error, which has a code. */
  open(options: UdpSocketOptions): Promise<UdpSocket> {
    return this.#counted(options, (counted) => this.#open(counted));
  }

  /** As `open`, of a descriptor that is bound already, and owned by the socket from now on. Rejects without the native calls. */
  adopt(descriptor: number, options: UdpSocketOptions): Promise<UdpSocket> {
    const native = this.#native;
    const batches = native && this.#shared(native);
    if (batches === undefined) return Promise.reject(new Error('no native socket calls'));
    return this.#counted(options, (counted) => BatchedSocket.open(descriptor, counted, batches));
  }

  async #counted(
    options: UdpSocketOptions,
    open: (options: UdpSocketOptions) => Promise<UdpSocket>,
  ): Promise<UdpSocket> {
    const onClosed = () => {
      options.onClosed?.();
      this.#count(port, -1);
    };
    const socket = await open({ ...options, onClosed });
    const { port } = socket.local;
    this.#count(port, 1);
    return socket;
  }

  #count(port: number, change: 1 | -1): void {
    const count = (this.#ports.get(port) ?? 0) + change;
    if (count > 0) this.#ports.set(port, count);
    else this.#ports.delete(port);
  }

  async #open(options: UdpSocketOptions): Promise<UdpSocket> {
    const native = this.#native;
    const batches = native && this.#shared(native);
    if (native === undefined || batches === undefined) return PlainSocket.open(options);
    const descriptor = native.openUdp(options.family);
    try {
      prepare(native, descriptor, options);
      return await BatchedSocket.open(descriptor, options, batches);
    } catch (error) {
      native.close(descriptor);
      throw error;
    }
  }

  /** Made when they are needed: a client without datagrams has no use for the memory. */
  #shared(native: NativeSockets): Batches | undefined {
    const { messages: calls } = native;
    if (calls === undefined) return undefined;
    this.#batches ??= batchesOf(native, calls);
    return this.#batches;
  }
}

function batchesOf(native: NativeSockets, calls: MessageCalls): Batches {
  const telling = new Map<number, () => void>();
  const sending = new SendBatch(calls, (descriptor) => telling.get(descriptor)?.());
  return { calls, sending, receiving: new ReceiveBatch(calls), native, telling };
}

function prepare(native: NativeSockets, descriptor: number, options: UdpSocketOptions): void {
  const { family, host, port, peer, isPortShared, isForeign, isNeverCut, tellsUnreachable, bufferBytes } =
    options;
  if (family === 6) keepToIpv6(native, descriptor);
  if (isPortShared) sharePort(native, descriptor);
  if (options.interface !== undefined) bindToInterface(native, descriptor, options.interface);
  if (isForeign) takeForeign(native, descriptor, family);
  if (isNeverCut) neverCut(native, descriptor, family);
  if (tellsUnreachable) reportUdpErrors(native, descriptor, family);
  if (bufferBytes !== undefined) setSocketBuffers(native, descriptor, bufferBytes);
  native.bind(descriptor, host ?? UNSPECIFIED[family], port);
  if (peer !== undefined) native.connect(descriptor, peer.bytes);
}

const UNSPECIFIED = { 4: '0.0.0.0', 6: '::' } as const;
