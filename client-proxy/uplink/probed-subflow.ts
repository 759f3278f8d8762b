import type { Socket } from 'node:net';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { PathProbe } from '../../shared/protocol/handshake/path-probe.ts';
import { withTimeLimit } from '../../shared/runtime/async/time-limit.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { descriptorOf } from '../../shared/runtime/kernel/socket-handle.ts';
import { readTcpInfo } from '../../shared/runtime/kernel/tcp-info.ts';
import { readHandshake } from '../../shared/runtime/session/read-handshake.ts';
import type { TlsSubflow } from '../../shared/runtime/subflow/tls-subflow.ts';
import { PACKET_ADVICE } from '../packet-size/packet-sizes.ts';
import { connectSubflow, type SubflowConnectOptions } from './subflow-connect.ts';
import { SubflowError } from './subflow-error.ts';
import type { Uplink } from './uplink.ts';
import { connectFailure, UplinkError } from './uplink-error.ts';

export interface ProbedConnectOptions extends Omit<SubflowConnectOptions, 'onConnected'> {
  /** TCP is there. `isHeard`: the other end has all that was sent, and may be too busy to answer. */
  onHandshake(isHeard: () => boolean): void;
}

/** A subflow that has carried packets of full length both ways, for its limit. */
export interface ProbedSubflow {
  readonly transport: TlsSubflow;
  /** Whether the kernel has shortened the packets that it sends since the connection began. */
  isLowered(): boolean;
  destroy(): void;
}

/**
 * As `connectSubflow`, and asks the concentrator with PROBE whether packets of full length get through; one of an older release
 * is not asked. Rejects with `UplinkError` where the connection stands still, too.
 */
export async function connectProbed(
  uplink: Uplink,
  target: Destination,
  options: ProbedConnectOptions,
): Promise<ProbedSubflow> {
  const where = formatDestination(target);
  let isConnected = false;
  let isSecured = false;
  const onConnected = (socket: Socket) => {
    isConnected = true;
    // PROBE is answered at once; TLS may have to wait for its turn.
    options.onHandshake(() => !isSecured && isAcknowledged(socket, options.native));
  };
  try {
    return await withTimeLimit(`opening a subflow to ${where}`, options, async (signal) => {
      const transport = await connectSubflow(uplink, target, { ...options, onConnected, signal });
      isSecured = true;
      const first = transport.segmentBytes();
      if (transport.answersProbe) {
        const longest = first && Math.max(first.sending, first.announced);
        const probe = new PathProbe(longest ?? options.packetBytes ?? COMMON_PACKET_BYTES);
        await readHandshake(transport, {
          request: probe.request,
          receive: (bytes) => probe.receive(bytes),
          timeoutMs: options.timeoutMs,
          signal,
          closedError: (cause) => cause ?? new Error('the connection was closed by the other side'),
        });
      }
      const isLowered = () => (transport.segmentBytes()?.sending ?? 0) < (first?.sending ?? 0);
      return { transport, isLowered, destroy: () => transport.destroy() };
    });
  } catch (error) {
    if (error instanceof SubflowError) throw error;
    const failure = connectFailure(uplink.name, where, error);
    if (failure.code !== 'timedOut' || !isConnected) throw failure;
    const { packetBytes } = options;
    const text =
      packetBytes === undefined
        ? `packets of full length do not get through; ${PACKET_ADVICE}`
        : `nothing gets through, not even packets of at most ${packetBytes} bytes`;
    throw new UplinkError(uplink.name, 'timedOut', `${where} takes connections: ${text}`, { cause: error });
  }
}

/** Whether the other end's kernel has all that was sent. */
function isAcknowledged(socket: Socket, native: NativeSockets | undefined): boolean {
  const descriptor = descriptorOf(socket);
  if (native === undefined || descriptor === undefined) return false;
  const kernel = readTcpInfo(native, descriptor);
  return kernel !== undefined && kernel.unackedBytes === 0 && kernel.notSentBytes === 0;
}

/** Where the kernel does not say how long packets are. */
const COMMON_PACKET_BYTES = 1_500;
