import { getSystemErrorName } from 'node:util';
import { interfaceNameBytes } from './interface-name.ts';
import type { NativeSockets } from './native.ts';

/** Level of the TCP options, IPPROTO_TCP. */
export const IPPROTO_TCP = 6;

/**
 * Ties the socket to a network interface (SO_BINDTODEVICE, socket(7)); before connect. Needs no privilege since
 * Linux 5.7. Throws `NativeSocketError`: ENODEV where there is no such interface, EPERM where it is not allowed.
 */
export function bindToInterface(native: NativeSockets, descriptor: number, name: string): void {
  const zeroEnded = Buffer.concat([interfaceNameBytes(name), Buffer.of(0)]);
  native.setOption(descriptor, SOL_SOCKET, SO_BINDTODEVICE, zeroEnded);
}

/** An IPv6 socket leaves IPv4 to others (IPV6_V6ONLY, ipv6(7)); before bind. */
export function keepToIpv6(native: NativeSockets, descriptor: number): void {
  native.setOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, integer(1));
}

/** Other sockets of this user may be bound to the same port (SO_REUSEPORT, socket(7)), if they allow it as well; before bind. */
export function sharePort(native: NativeSockets, descriptor: number): void {
  native.setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, integer(1));
}

/**
 * IP does not cut what a UDP socket sends, neither here nor on the way (IP_MTU_DISCOVER, ip(7)): what is longer than the interface, or
 * the way as far as it is known, carries is refused (EMSGSIZE).
 */
export function neverCut(native: NativeSockets, descriptor: number, family: 4 | 6): void {
  if (family === 4) native.setOption(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, integer(PMTUDISC_DO));
  else native.setOption(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, integer(PMTUDISC_DO));
}

/** What the kernel may keep for a socket in each direction (SO_RCVBUF, SO_SNDBUF, socket(7)), as far as the system's limit allows. */
export function setSocketBuffers(native: NativeSockets, descriptor: number, bytes: number): void {
  native.setOption(descriptor, SOL_SOCKET, SO_RCVBUF, integer(bytes));
  native.setOption(descriptor, SOL_SOCKET, SO_SNDBUF, integer(bytes));
}

/** The socket counts as writable only below this many unsent bytes (TCP_NOTSENT_LOWAT, tcp(7)). */
export function setNotSentLowWater(native: NativeSockets, descriptor: number, bytes: number): void {
  setInteger(native, descriptor, TCP_NOTSENT_LOWAT, bytes);
}

/**
 * The kernel keeps about so much of what has come and is not read (SO_RCVBUF, socket(7)); with undefined, as much as it likes again.
 * Throws ENOPROTOOPT before Linux 5.14, where that cannot be undone.
 */
export function setReceiveBuffer(native: NativeSockets, descriptor: number, bytes: number | undefined): void {
  const lock = bytes === undefined ? 0 : SOCK_RCVBUF_LOCK;
  native.setOption(descriptor, SOL_SOCKET, SO_BUF_LOCK, integer(lock));
  if (bytes !== undefined) native.setOption(descriptor, SOL_SOCKET, SO_RCVBUF, integer(bytes));
}

/** Unacknowledged for longer than this, the kernel closes the connection (TCP_USER_TIMEOUT, RFC 5482). */
export function setUserTimeout(native: NativeSockets, descriptor: number, timeoutMs: number): void {
  setInteger(native, descriptor, TCP_USER_TIMEOUT, timeoutMs);
}

/**
 * Bounds the segments of a connection both ways (TCP_MAXSEG, tcp(7)); before connect. The other end learns of it in SYN, and
 * both kernels take off what their own options need.
 */
export function setMaxSegment(native: NativeSockets, descriptor: number, bytes: number): void {
  setInteger(native, descriptor, TCP_MAXSEG, bytes);
}

/** When the kernel asks the other end of a silent connection whether it is still there. */
export interface KeepAliveProbes {
  /** From the last sign of life to the first probe. */
  readonly idleMs: number;
  /** From one probe without an answer to the next. */
  readonly intervalMs: number;
  /** After so many without an answer the kernel ends the connection. */
  readonly count: number;
}

/** Turns keep-alive on (SO_KEEPALIVE, tcp(7)); the kernel counts in whole seconds. */
export function setKeepAlive(native: NativeSockets, descriptor: number, probes: KeepAliveProbes): void {
  const seconds = (ms: number) => Math.max(1, Math.round(ms / 1000));
  setInteger(native, descriptor, TCP_KEEPIDLE, seconds(probes.idleMs));
  setInteger(native, descriptor, TCP_KEEPINTVL, seconds(probes.intervalMs));
  setInteger(native, descriptor, TCP_KEEPCNT, probes.count);
  native.setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, integer(1));
}

/** The longest wait between two retransmissions (TCP_RTO_MAX_MS). Throws ENOPROTOOPT before Linux 6.15. */
export function setMaxRetransmissionTimeout(
  native: NativeSockets,
  descriptor: number,
  timeoutMs: number,
): void {
  setInteger(native, descriptor, TCP_RTO_MAX_MS, timeoutMs);
}

/**
 * Chooses the congestion control of this connection's sending direction, `bbr` for one (TCP_CONGESTION).
 * Throws ENOENT where the kernel has none of that name, EPERM where it may only be used by root.
 */
export function setCongestionControl(native: NativeSockets, descriptor: number, algorithm: string): void {
  native.setOption(descriptor, IPPROTO_TCP, TCP_CONGESTION, Buffer.from(algorithm, 'latin1'));
}

/** The congestion control of this connection's sending direction, `cubic` for one. */
export function readCongestionControl(native: NativeSockets, descriptor: number): string {
  const bytes = new Uint8Array(CONGESTION_CONTROL_BYTES);
  const length = native.getOption(descriptor, IPPROTO_TCP, TCP_CONGESTION, bytes);
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end < 0 ? length : Math.min(end, length))).toString('latin1');
}

/**
 * Takes the error that waits on the socket (SO_ERROR, socket(7)): its errno's name, undefined where there is none.
 */
export function takePendingError(native: NativeSockets, descriptor: number): string | undefined {
  native.getOption(descriptor, SOL_SOCKET, SO_ERROR, pendingErrorBytes);
  const errno = pendingError[0]!;
  return errno === 0 ? undefined : getSystemErrorName(-errno);
}

/**
 * What the kernel keeps for the socket, in bytes of its memory: received and not read, written and not acknowledged (SO_MEMINFO).
 * Undefined where it does not say: before Linux 4.12, and in sandboxes that stand in for a kernel.
 */
export function readSocketMemoryBytes(native: NativeSockets, descriptor: number): number | undefined {
  try {
    native.getOption(descriptor, SOL_SOCKET, SO_MEMINFO, socketMemoryBytes);
  } catch {
    return undefined;
  }
  return socketMemory[SK_MEMINFO_RMEM_ALLOC]! + socketMemory[SK_MEMINFO_WMEM_QUEUED]!;
}

// include/uapi/asm-generic/socket.h and include/uapi/linux/tcp.h
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_KEEPALIVE = 9;
const SO_REUSEPORT = 15;
const SO_BINDTODEVICE = 25;
// include/uapi/linux/in.h, in6.h
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const IP_MTU_DISCOVER = 10;
const IPV6_MTU_DISCOVER = 23;
const IPV6_V6ONLY = 26;
const PMTUDISC_DO = 2;
const TCP_MAXSEG = 2;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const SO_MEMINFO = 55;
const SO_BUF_LOCK = 72;
const SOCK_RCVBUF_LOCK = 2;
// include/uapi/linux/sock_diag.h
const SK_MEMINFO_RMEM_ALLOC = 0;
const SK_MEMINFO_WMEM_QUEUED = 5;
const SK_MEMINFO_VARS = 9;
const TCP_CONGESTION = 13;
/** TCP_CA_NAME_MAX */
const CONGESTION_CONTROL_BYTES = 16;
const TCP_USER_TIMEOUT = 18;
const TCP_NOTSENT_LOWAT = 25;
const TCP_RTO_MAX_MS = 44;

// Asked once for each application connection, hence not allocated each time.
const pendingError = new Int32Array(1);
const pendingErrorBytes = new Uint8Array(pendingError.buffer);

const socketMemory = new Uint32Array(SK_MEMINFO_VARS);
const socketMemoryBytes = new Uint8Array(socketMemory.buffer);

function setInteger(native: NativeSockets, descriptor: number, option: number, value: number): void {
  native.setOption(descriptor, IPPROTO_TCP, option, integer(value));
}

function integer(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}
