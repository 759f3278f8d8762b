import {
  DATAGRAM_HEAD_BYTES,
  encodeDatagramHead,
  MAX_PARTS,
  PART_BYTES,
  type Part,
} from '../../codec/datagram-message.ts';
import { FRAME_HEADER_BYTES } from '../../codec/wire.ts';
import type { MemoryBudget } from '../../memory-budget.ts';
import type { Now } from '../../now.ts';
import type { Uplink } from '../../uplink/uplink.ts';
import type { OutgoingPacket } from '../datagram-commands.ts';
import type { DatagramCounters } from '../datagram-counters.ts';
import type { Flow } from '../flow/flow.ts';
import type { DatagramPath } from '../path/datagram-path.ts';
import type { TrackedDatagram } from '../path/tracked-datagram.ts';
import type { Carrier } from '../steering/carrier.ts';
import { FrameQueue, type FrameQueueTuning, MAX_FRAME_MESSAGE_BYTES } from './frame-queue.ts';
import type { PathEnd, PathTable } from './path-table.ts';

/** What stands around a message in a packet: header and tag (SPEC.md section 13). */
export const PACKET_OVERHEAD_BYTES = 32;
/** Packets that may wait to be taken: more than one turn's reads from sockets bring. */
export const MAX_WAITING_PACKETS = 4_096;

const NOTHING = new Uint8Array(0);

export interface PacketWriterOptions {
  readonly now: Now;
  readonly memory: MemoryBudget;
  readonly tuning: FrameQueueTuning;
  readonly paths: PathTable;
  readonly counters: DatagramCounters;
  /** The keys for what leaves on a path. */
  epochOf(end: PathEnd): number;
}

/** One datagram of a flow, on its way out. */
export interface OutgoingDatagram {
  readonly flow: Flow;
  /** Of the wire. */
  readonly sequence: number;
  readonly payload: Uint8Array;
  readonly isSpread: boolean;
  readonly tracked?: TrackedDatagram | undefined;
}

/** Makes packets and frames of messages: the parts of a datagram, its head, the counter. */
export class PacketWriter {
  readonly #options: PacketWriterOptions;
  #packets: OutgoingPacket[] = [];
  readonly #queues = new Map<Uplink, FrameQueue>();

  constructor(options: PacketWriterOptions) {
    this.#options = options;
  }

  /** When a message that waits for a subflow is dropped. */
  get deadlineMs(): number {
    let deadlineMs = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues.values()) deadlineMs = Math.min(deadlineMs, queue.deadlineMs);
    return deadlineMs;
  }

  /** What has been written since the last call. */
  take(): readonly OutgoingPacket[] {
    const packets = this.#packets;
    if (packets.length > 0) this.#packets = [];
    return packets;
  }

  /** A message that is no datagram. */
  writeMessage(path: DatagramPath, message: Uint8Array, kind: 'path' | 'feedback'): void {
    const packetBytes = PACKET_OVERHEAD_BYTES + message.length;
    const isProbe = kind === 'path';
    const counter = path.onSent({ packetBytes, wantsFeedback: isProbe, isProbe });
    this.#push(path, counter, message, NOTHING);
  }

  /** A datagram over one carrier. @returns whether it leaves: it fits, and there is room for all its parts */
  writeDatagram(datagram: OutgoingDatagram, carrier: Carrier): boolean {
    const { flow, payload } = datagram;
    const { announcement } = flow;
    const room = roomOn(carrier, announcement);
    if (payload.length <= room) {
      if (!this.#hasRoom(carrier, 1)) return false;
      this.#writePart(datagram, carrier, announcement, undefined, payload);
      return true;
    }
    const count = Math.ceil(payload.length / (room - PART_BYTES));
    if (count > MAX_PARTS) {
      this.#options.counters.drops['too-long']++;
      return false;
    }
    if (!this.#hasRoom(carrier, count)) return false;
    const partBytes = Math.ceil(payload.length / count);
    for (let index = 0; index < count; index++) {
      const part = payload.subarray(index * partBytes, (index + 1) * partBytes);
      this.#writePart(datagram, carrier, announcement, { index, count }, part);
    }
    return true;
  }

  /** Whether a datagram of the flow need not be cut there. */
  carriesWhole({ announcement }: Flow, bytes: number, carrier: Carrier): boolean {
    return bytes <= roomOn(carrier, announcement);
  }

  /** Gives the subflows what waits for them. */
  flushFrames(): void {
    const { counters } = this.#options;
    for (const [uplink, queue] of this.#queues) {
      const { sent, late } = queue.flush();
      counters.sentFrames += sent;
      counters.drops['subflow-late'] += late;
      if (queue.isEmpty) this.#queues.delete(uplink);
    }
  }

  /** The session is over. */
  close(): void {
    this.#packets = [];
    for (const queue of this.#queues.values()) queue.close();
    this.#queues.clear();
  }

  /** Whether so many packets may wait besides; otherwise it is counted. */
  #hasRoom({ kind }: Carrier, count: number): boolean {
    if (kind === 'frames' || this.#packets.length + count <= MAX_WAITING_PACKETS) return true;
    this.#options.counters.drops['turn-full']++;
    return false;
  }

  #writePart(
    { flow, sequence, isSpread, tracked }: OutgoingDatagram,
    carrier: Carrier,
    announcement: Uint8Array | undefined,
    part: Part | undefined,
    payload: Uint8Array,
  ): void {
    if (carrier.kind === 'frames') {
      const head = encodeDatagramHead(flow.id, sequence, isSpread, announcement, part, FRAME_HEADER_BYTES);
      const dropped = this.#queueOf(carrier.uplink).push(head, payload, tracked !== undefined);
      this.#options.counters.drops['subflow-late'] += dropped;
      return;
    }
    const { path } = carrier;
    const head = encodeDatagramHead(flow.id, sequence, isSpread, announcement, part);
    const packetBytes = PACKET_OVERHEAD_BYTES + head.length + payload.length;
    // One of several parts is not sent again: the others would have to be, too.
    const sent =
      part === undefined && tracked !== undefined
        ? { packetBytes, wantsFeedback: true, datagram: tracked }
        : { packetBytes, wantsFeedback: true };
    this.#push(path, path.onSent(sent), head, payload);
  }

  #push({ id }: DatagramPath, counter: number, head: Uint8Array, payload: Uint8Array): void {
    const { paths, epochOf } = this.#options;
    this.#packets.push({ epoch: epochOf(paths.known(id)), path: id, counter, head, payload });
  }

  #queueOf(uplink: Uplink): FrameQueue {
    let queue = this.#queues.get(uplink);
    if (queue === undefined) {
      const { now, memory, tuning } = this.#options;
      queue = new FrameQueue(uplink, now, memory, tuning);
      this.#queues.set(uplink, queue);
    }
    return queue;
  }
}

/** For a payload. */
function roomOn(carrier: Carrier, announcement: Uint8Array | undefined): number {
  const longest =
    carrier.kind === 'path' ? carrier.path.maxPacketBytes - PACKET_OVERHEAD_BYTES : MAX_FRAME_MESSAGE_BYTES;
  return longest - DATAGRAM_HEAD_BYTES - (announcement?.length ?? 0);
}
