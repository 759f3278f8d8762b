import type { KernelMeasurement } from '../../protocol/kernel-measurement.ts';
import type { NativeSockets } from './native.ts';
import { IPPROTO_TCP } from './socket-options.ts';

/**
 * What the kernel knows of a TCP connection (Linux `struct tcp_info`, include/uapi/linux/tcp.h), in about a
 * microsecond; undefined when the descriptor is no TCP socket any more or the kernel is older than 4.9.
 */
export function readTcpInfo(native: NativeSockets, descriptor: number): KernelMeasurement | undefined {
  let length: number;
  try {
    length = native.getOption(descriptor, IPPROTO_TCP, TCP_INFO, bytes);
  } catch {
    return undefined;
  }
  if (length < NEEDED_BYTES) return undefined;
  const rttMs = word(68) / 1000;
  const minRttMicros = word(148);
  const mssBytes = word(16);
  return {
    rttMs,
    rttVarMs: word(72) / 1000,
    minRttMs: minRttMicros === NO_MIN_RTT ? rttMs : minRttMicros / 1000,
    mssBytes,
    cwndBytes: word(80) * mssBytes,
    notSentBytes: word(144),
    unackedBytes: word(24) * mssBytes,
    bytesAcked: Number(longWords[120 / 8]),
    deliveryRateBytesPerSecond: Number(longWords[160 / 8]),
    lastAckReceivedMs: word(56),
    backoff: bytes[4]!,
    totalRetransmittedPackets: word(100),
    sentPackets: word(156),
  };
}

const TCP_INFO = 11;
/** Up to and with tcpi_delivery_rate. */
const NEEDED_BYTES = 168;
/** tcpi_min_rtt before the first sample. */
const NO_MIN_RTT = 0xffff_ffff;

// One buffer for all sockets: the call fills it and the fields are read before anything else can run.
const memory = new ArrayBuffer(NEEDED_BYTES);
const bytes = new Uint8Array(memory);
const words = new Uint32Array(memory);
const longWords = new BigUint64Array(memory);

/** The u32 at a byte offset, in the machine's own byte order, which is the kernel's. */
function word(offset: number): number {
  return words[offset / 4]!;
}
