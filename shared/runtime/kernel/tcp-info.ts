import type { KernelMeasurement } from '../../protocol/kernel-measurement.ts';
import type { MonotonicClock } from '../clock.ts';
import type { NativeSockets } from './native.ts';
import { IPPROTO_TCP } from './socket-options.ts';

/**
 * What the kernel knows of a TCP connection (Linux `struct tcp_info`, include/uapi/linux/tcp.h), in about a
 * microsecond; undefined when the descriptor is no TCP socket any more or the kernel is older than 4.9.
 */
export function readTcpInfo(
  native: NativeSockets,
  descriptor: number,
  progress?: DeliveryProgress,
): KernelMeasurement | undefined {
  const length = fill(native, descriptor);
  if (length < NEEDED_BYTES) return undefined;
  const lastAckMs = word(56);
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
    deliveredPackets: length >= TRAFFIC_BYTES ? word(192) : Number(longWords[120 / 8]) / mssBytes,
    deliveryRateBytesPerSecond: Number(longWords[160 / 8]),
    lastAckReceivedMs:
      progress !== undefined && length >= TRAFFIC_BYTES ? progress.ageMs(word(192), lastAckMs) : lastAckMs,
    backoff: bytes[4]!,
    totalRetransmittedPackets: word(100),
    sentPackets: word(156),
  };
}

/** When a connection's other end last acknowledged something new, selectively or not, from one look to the next. */
export class DeliveryProgress {
  readonly #clock: MonotonicClock;
  #packets = -1;
  #atMs = 0;

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  /** How long ago that was. @param packets delivered in all @param lastAckMs since the last acknowledgement of any kind */
  ageMs(packets: number, lastAckMs: number): number {
    const nowMs = this.#clock();
    if (packets !== this.#packets) {
      this.#packets = packets;
      this.#atMs = nowMs - lastAckMs;
    }
    return Math.max(lastAckMs, nowMs - this.#atMs);
  }
}

/** The longest segments that a TCP connection may send and that it has told the other end to send, without options; as `readTcpInfo`. */
export function readSegmentBytes(native: NativeSockets, descriptor: number): SegmentBytes | undefined {
  if (fill(native, descriptor) < NEEDED_BYTES) return undefined;
  return { sending: word(16), announced: word(84) };
}

export interface SegmentBytes {
  readonly sending: number;
  readonly announced: number;
}

/** What a TCP connection has sent and received; a segment that was cut for the wire counts as its pieces. */
export interface TcpTraffic {
  /** Payload sent, repeats included. */
  readonly sentBytes: number;
  readonly repeatedBytes: number;
  /** Payload that arrived in order, once. */
  readonly receivedBytes: number;
  /** With and without payload, SYN, FIN and repeats included. */
  readonly sentSegments: number;
  readonly receivedSegments: number;
  readonly hasTimestamps: boolean;
}

/** As `readTcpInfo`; a kernel before 4.19 does not tell the bytes of repeats, which are then estimated. */
export function readTcpTraffic(native: NativeSockets, descriptor: number): TcpTraffic | undefined {
  const length = fill(native, descriptor);
  if (length < NEEDED_BYTES) return undefined;
  const common = {
    receivedBytes: Number(longWords[128 / 8]),
    sentSegments: word(136),
    receivedSegments: word(140),
    hasTimestamps: (bytes[5]! & TCPI_OPT_TIMESTAMPS) !== 0,
  };
  if (length >= TRAFFIC_BYTES) {
    return { ...common, sentBytes: Number(longWords[200 / 8]), repeatedBytes: Number(longWords[208 / 8]) };
  }
  const mssBytes = word(16);
  const repeatedBytes = word(100) * mssBytes;
  const onceBytes = Number(longWords[120 / 8]) + word(24) * mssBytes;
  return { ...common, sentBytes: onceBytes + repeatedBytes, repeatedBytes };
}

/** What the kernel knows of the other end of a TCP connection. */
export interface TcpPeer {
  /** The connection is over: closed at both ends, or by a reset, or because the other end does not answer. */
  readonly isClosed: boolean;
  /** All that the other end had to send is here, its end (FIN) included. Not told any more once the connection is over. */
  readonly hasFinished: boolean;
  /** Repeats and probes in a row that the other end has not answered. */
  readonly unansweredProbes: number;
  /** Something that was sent, or is to be sent, is not acknowledged. */
  readonly isWaiting: boolean;
  /** Payload that the other end has acknowledged, */
  readonly ackedBytes: number;
  /** and that came from it, in order. */
  readonly receivedBytes: number;
  readonly receivedSegments: number;
  readonly lastAckReceivedMs: number;
}

/** As `readTcpInfo`. */
export function readTcpPeer(native: NativeSockets, descriptor: number): TcpPeer | undefined {
  if (fill(native, descriptor) < NEEDED_BYTES) return undefined;
  return {
    isClosed: bytes[0] === TCP_CLOSE,
    hasFinished: FINISHED_STATES.has(bytes[0]!),
    unansweredProbes: bytes[2]! + bytes[3]!,
    isWaiting: word(24) > 0 || word(144) > 0,
    ackedBytes: Number(longWords[120 / 8]),
    receivedBytes: Number(longWords[128 / 8]),
    receivedSegments: word(140),
    lastAckReceivedMs: word(56),
  };
}

const TCP_INFO = 11;
/** Of tcpi_state: include/net/tcp_states.h. */
const TCP_CLOSE = 7;
/** TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING. */
const FINISHED_STATES: ReadonlySet<number> = new Set([8, 9, 11]);
/** Up to and with tcpi_delivery_rate. */
const NEEDED_BYTES = 168;
/** Up to and with tcpi_bytes_retrans (Linux 4.19). */
const TRAFFIC_BYTES = 216;
const TCPI_OPT_TIMESTAMPS = 1;
/** tcpi_min_rtt before the first sample. */
const NO_MIN_RTT = 0xffff_ffff;

// One buffer for all sockets: the call fills it and the fields are read before anything else can run.
const memory = new ArrayBuffer(TRAFFIC_BYTES);
const bytes = new Uint8Array(memory);
const words = new Uint32Array(memory);
const longWords = new BigUint64Array(memory);

/** @returns how many bytes the kernel wrote; 0 if it refused */
function fill(native: NativeSockets, descriptor: number): number {
  try {
    return native.getOption(descriptor, IPPROTO_TCP, TCP_INFO, bytes);
  } catch {
    return 0;
  }
}

/** The u32 at a byte offset, in the machine's own byte order, which is the kernel's. */
function word(offset: number): number {
  return words[offset / 4]!;
}
