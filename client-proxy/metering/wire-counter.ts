import type { Socket } from 'node:net';
import { PassingSet } from '../../shared/protocol/passing-set.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { descriptorOf } from '../../shared/runtime/kernel/socket-handle.ts';
import { readTcpTraffic, type TcpTraffic } from '../../shared/runtime/kernel/tcp-info.ts';
import type { ConnectionWatcher } from '../../shared/runtime/tcp/connection-watcher.ts';

/** Bytes of IP packets, headers and repeats included, since the counting began. */
export interface WireBytes {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/**
 * Counts what the connections of one uplink put on the wire. The kernel tells segments and bytes, repeats included, in both
 * directions; what it does not tell (packets that arrived twice, selective acknowledgements, the last few packets of a
 * connection that ended between two looks) is left out or estimated from the socket's bytes. Without the kernel's figures all of it is
 * estimated, and repeats are missing.
 */
export class WireCounter implements ConnectionWatcher {
  readonly #native: NativeSockets | undefined;
  readonly #open = new PassingSet<Watched>();
  #endedSentBytes = 0;
  #endedReceivedBytes = 0;

  constructor(native: NativeSockets | undefined) {
    this.#native = native;
  }

  watch(socket: Socket): void {
    const entry: Watched = { socket, isConnected: false, last: undefined };
    this.#open.add(entry);
    socket.once('connect', () => {
      entry.isConnected = true;
    });
    socket.once('close', () => {
      this.#open.delete(entry);
      const { sentBytes, receivedBytes } = wholeOf(entry);
      this.#endedSentBytes += sentBytes;
      this.#endedReceivedBytes += receivedBytes;
    });
  }

  /** Whether a connection that is counted is open. */
  get isWatching(): boolean {
    return this.#open.size > 0;
  }

  /** A UDP packet has left or come. @param bytes of the IP packet, its header included; negative: it has not left after all */
  countPacket(direction: 'sent' | 'received', bytes: number): void {
    if (direction === 'sent') this.#endedSentBytes += bytes;
    else this.#endedReceivedBytes += bytes;
  }

  /** Looks at every open connection, a few microseconds each, and answers the sum of all there were. */
  read(): WireBytes {
    let sentBytes = this.#endedSentBytes;
    let receivedBytes = this.#endedReceivedBytes;
    for (const watched of this.#open) {
      const now = this.#look(watched);
      sentBytes += now.sentBytes;
      receivedBytes += now.receivedBytes;
    }
    return { sentBytes, receivedBytes };
  }

  #look(watched: Watched): WireBytes {
    const descriptor = descriptorOf(watched.socket);
    if (this.#native === undefined || descriptor === undefined) return estimateOf(watched.socket);
    watched.last = readTcpTraffic(this.#native, descriptor) ?? watched.last;
    return watched.last === undefined ? estimateOf(watched.socket) : wireOf(watched.last, watched.socket);
  }
}

interface Watched {
  readonly socket: Socket;
  isConnected: boolean;
  /** What the kernel last said. */
  last: TcpTraffic | undefined;
}

const TIMESTAMPS_BYTES = 12;
/** What a SYN's options have beyond the timestamps: largest segment, selective acknowledgements, window scale. */
const SYN_EXTRA_BYTES = 8;
/** Payload of a full packet: 1500 bytes without IPv4, TCP and timestamps. */
const FULL_SEGMENT_BYTES = 1448;
/** Each end's FIN and the acknowledgement of the other's. */
const CLOSING_SEGMENTS = 2;
/** SYN or its answer, and the first acknowledgement or none. */
const OPENING_SEGMENTS = 2;

/** IPv4 or IPv6 header, and TCP's. */
function headerBytes(socket: Socket, hasTimestamps: boolean): number {
  return (socket.remoteFamily === 'IPv6' ? 40 : 20) + 20 + (hasTimestamps ? TIMESTAMPS_BYTES : 0);
}

function wireOf(traffic: TcpTraffic, socket: Socket): WireBytes {
  const { sentBytes, receivedBytes, sentSegments, receivedSegments } = traffic;
  // Before the answer it is not known whether the far end takes timestamps; a SYN offers them.
  const header = headerBytes(socket, traffic.hasTimestamps || receivedSegments === 0);
  return {
    sentBytes: sentBytes + sentSegments * header + (sentSegments > 0 ? SYN_EXTRA_BYTES : 0),
    receivedBytes: receivedBytes + receivedSegments * header + (receivedSegments > 0 ? SYN_EXTRA_BYTES : 0),
  };
}

/** A connection that has ended: as last seen, and by its sockets' bytes what came afterwards. */
function wholeOf({ socket, isConnected, last }: Watched): WireBytes {
  const header = headerBytes(socket, true);
  if (!isConnected && last === undefined) return { sentBytes: header + SYN_EXTRA_BYTES, receivedBytes: 0 };
  if (last === undefined) {
    const { sentBytes, receivedBytes } = estimateOf(socket);
    const closingBytes = CLOSING_SEGMENTS * header;
    return { sentBytes: sentBytes + closingBytes, receivedBytes: receivedBytes + closingBytes };
  }
  const seen = wireOf(last, socket);
  if (!isConnected) return seen;
  const rest = packetsOf(
    socket.bytesWritten - (last.sentBytes - last.repeatedBytes),
    socket.bytesRead - last.receivedBytes,
    CLOSING_SEGMENTS,
    header,
  );
  return {
    sentBytes: seen.sentBytes + rest.sentBytes,
    receivedBytes: seen.receivedBytes + rest.receivedBytes,
  };
}

function estimateOf(socket: Socket): WireBytes {
  const { bytesWritten = 0, bytesRead } = socket;
  const header = headerBytes(socket, true);
  const packets = packetsOf(bytesWritten, bytesRead, OPENING_SEGMENTS, header);
  return {
    sentBytes: packets.sentBytes + SYN_EXTRA_BYTES,
    receivedBytes: packets.receivedBytes + SYN_EXTRA_BYTES,
  };
}

/** Payload in full packets, every second one acknowledged, and some packets without payload. */
function packetsOf(sent: number, received: number, emptySegments: number, header: number): WireBytes {
  const [out, into] = [Math.max(0, sent), Math.max(0, received)];
  const segments = (bytes: number) => Math.ceil(bytes / FULL_SEGMENT_BYTES);
  return {
    sentBytes: out + header * (segments(out) + Math.ceil(segments(into) / 2) + emptySegments),
    receivedBytes: into + header * (segments(into) + Math.ceil(segments(out) / 2) + emptySegments),
  };
}
