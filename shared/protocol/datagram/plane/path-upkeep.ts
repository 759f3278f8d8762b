import { encodeFeedback, encodePath } from '../../codec/datagram-message.ts';
import type { Now } from '../../now.ts';
import type { Role } from '../../role.ts';
import type { DatagramPath } from '../path/datagram-path.ts';
import type { DatagramSender } from './datagram-sender.ts';
import { PACKET_OVERHEAD_BYTES, type PacketWriter } from './packet-writer.ts';
import { isBounded, type PathEnd, type PathTable } from './path-table.ts';

/** Of FEEDBACK without gaps, and of the shortest PATH of the concentrator: what a path must allow before its address is confirmed. */
const FEEDBACK_PACKET_BYTES = 21 + PACKET_OVERHEAD_BYTES;
const PATH_PACKET_BYTES = 64 + PACKET_OVERHEAD_BYTES;

/** Concentrator: a path is forgotten on which nothing has come for so long, when its uplink has no subflow either. */
const FORGET_MS = 60_000;

export interface PathUpkeepOptions {
  readonly role: Role;
  readonly now: Now;
  readonly paths: PathTable;
  readonly writer: PacketWriter;
  readonly sender: DatagramSender;
}

/** What paths send by themselves: feedback, PATH, and datagrams that are late on them. */
export class PathUpkeep {
  readonly #options: PathUpkeepOptions;

  constructor(options: PathUpkeepOptions) {
    this.#options = options;
  }

  get deadlineMs(): number {
    let deadlineMs = Number.POSITIVE_INFINITY;
    for (const { path, receiver, allowanceBytes } of this.#options.paths.inUse) {
      if (allowanceBytes >= FEEDBACK_PACKET_BYTES) deadlineMs = Math.min(deadlineMs, receiver.dueMs);
      if (allowanceBytes >= PATH_PACKET_BYTES) deadlineMs = Math.min(deadlineMs, path!.deadlineMs);
    }
    return deadlineMs;
  }

  flush(): void {
    const { now, paths, sender } = this.#options;
    for (const end of paths.inUse) {
      const path = end.path!;
      if (this.#isGone(end, path)) {
        paths.end(end);
        continue;
      }
      if (end.receiver.dueMs <= now.ms && end.allowanceBytes >= FEEDBACK_PACKET_BYTES) {
        this.#sendFeedback(end, path);
      }
      if (end.allowanceBytes < PATH_PACKET_BYTES) continue;
      this.#sendProbes(end, path);
      for (const late of path.takeLate()) sender.sendAgain(late, path);
    }
  }

  /** The client ends its paths by itself. */
  #isGone({ receiver }: PathEnd, { uplink }: DatagramPath): boolean {
    const { role, now } = this.#options;
    return (
      role === 'concentrator' && uplink.subflows.length === 0 && now.ms - receiver.largestAtMs >= FORGET_MS
    );
  }

  #sendFeedback(end: PathEnd, path: DatagramPath): void {
    const feedback = end.receiver.takeFeedback(end.id, isBounded(end) ? 0 : undefined);
    const message = encodeFeedback({ ...feedback, token: end.peersToken });
    end.peersToken = undefined;
    this.#write(end, path, message, 'feedback');
    if (!path.isDoubted) return;
    // The peer may not hear it there, and would doubt a path that works in its own direction.
    const other = this.#options.paths.inUse.find((one) => one !== end && one.path?.isUsable);
    if (other !== undefined) this.#write(other, other.path!, message, 'feedback');
  }

  #sendProbes(end: PathEnd, path: DatagramPath): void {
    const uplinkName = this.#options.role === 'client' ? path.uplink.name : '';
    for (const { packetBytes } of path.takeProbes()) {
      const bytes = isBounded(end) ? 0 : packetBytes - PACKET_OVERHEAD_BYTES;
      this.#write(end, path, encodePath({ uplinkName, token: end.token }, bytes), 'path');
    }
  }

  #write(end: PathEnd, path: DatagramPath, message: Uint8Array, kind: 'path' | 'feedback'): void {
    end.allowanceBytes -= message.length + PACKET_OVERHEAD_BYTES;
    this.#options.writer.writeMessage(path, message, kind);
  }
}
