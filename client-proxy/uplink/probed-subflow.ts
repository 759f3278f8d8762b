import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { PathProbe } from '../../shared/protocol/handshake/path-probe.ts';
import { withTimeLimit } from '../../shared/runtime/async/time-limit.ts';
import { readHandshake } from '../../shared/runtime/session/read-handshake.ts';
import type { TlsSubflow } from '../../shared/runtime/subflow/tls-subflow.ts';
import { PACKET_ADVICE } from '../packet-size/packet-sizes.ts';
import { connectSubflow, type SubflowConnectOptions } from './subflow-connect.ts';
import { SubflowError } from './subflow-error.ts';
import type { Uplink } from './uplink.ts';
import { connectFailure, UplinkError } from './uplink-error.ts';

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
  options: SubflowConnectOptions,
): Promise<ProbedSubflow> {
  const where = formatDestination(target);
  let isConnected = false;
  const onConnected = () => {
    isConnected = true;
    options.onConnected?.();
  };
  try {
    return await withTimeLimit(`opening a subflow to ${where}`, options, async (signal) => {
      const transport = await connectSubflow(uplink, target, { ...options, onConnected, signal });
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

/** Where the kernel does not say how long packets are. */
const COMMON_PACKET_BYTES = 1_500;
