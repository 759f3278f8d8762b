import type { Socket } from 'node:net';
import type { NativeSockets } from '../kernel/native.ts';
import { descriptorOf } from '../kernel/socket-handle.ts';
import {
  setCongestionControl,
  setMaxRetransmissionTimeout,
  setNotSentLowWater,
  setUserTimeout,
} from '../kernel/socket-options.ts';
import { readTcpInfo } from '../kernel/tcp-info.ts';

export interface SubflowTuning {
  /** The kernel's congestion control by name (`bbr`, `cubic`); where absent, see `chooseCongestionControl`. */
  readonly congestionControl?: string | undefined;
  /** An option that was asked for cannot be set. The connection goes on without it. */
  onWarning?(message: string): void;
}

/** Sets the options of a connection that carries a subflow; at both ends, before TLS. */
export function tuneSubflow(
  socket: Socket,
  native: NativeSockets | undefined,
  { congestionControl, onWarning }: SubflowTuning,
): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  const descriptor = descriptorOf(socket);
  if (native === undefined || descriptor === undefined) {
    if (congestionControl !== undefined) {
      onWarning?.(`congestion control ${congestionControl} cannot be set without koffi on Linux`);
    }
    return;
  }
  attempt(() => setNotSentLowWater(native, descriptor, NOT_SENT_LOW_WATER_BYTES));
  attempt(() => setUserTimeout(native, descriptor, USER_TIMEOUT_MS));
  attempt(() => setMaxRetransmissionTimeout(native, descriptor, MAX_RETRANSMISSION_TIMEOUT_MS));
  if (congestionControl === undefined) {
    attempt(() => chooseCongestionControl(native, descriptor));
    return;
  }
  const error = attempt(() => setCongestionControl(native, descriptor, congestionControl));
  if (error !== undefined) {
    onWarning?.(
      `congestion control ${congestionControl} cannot be set (${error.message}); ` +
        'see net.ipv4.tcp_available_congestion_control and tcp_allowed_congestion_control',
    );
  }
}

/**
 * BBR, where the host has and allows it: random loss on a radio costs CUBIC most of its rate and BBR little, and its queues
 * are short. On a round trip below LOCAL_RTT_MS (a data centre, this machine) the host's own choice stays: there BBR's
 * pacing costs more than it brings.
 */
function chooseCongestionControl(native: NativeSockets, descriptor: number): void {
  const rttMs = readTcpInfo(native, descriptor)?.rttMs;
  if (rttMs !== undefined && rttMs >= LOCAL_RTT_MS) setCongestionControl(native, descriptor, 'bbr');
}

const LOCAL_RTT_MS = 1;
/** Well below the minutes after which home routers forget a connection; the session's own PINGs come earlier. */
const KEEP_ALIVE_MS = 15_000;
/** One kernel buffer's worth (skb): less acts the same, more only lengthens the queue in the kernel. */
const NOT_SENT_LOW_WATER_BYTES = 64 * 1024;
/** The backstop behind the session's own failure detection, which is faster. */
const USER_TIMEOUT_MS = 10_000;
/** A path that comes back is tried within a second, not after the 120 s that back-off may reach. */
const MAX_RETRANSMISSION_TIMEOUT_MS = 1000;

/** Not every kernel has every option, and a connection that has just been lost has none. Neither is a reason to fail. */
function attempt(set: () => void): Error | undefined {
  try {
    set();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
