import { writeU32 } from '../../codec/bytes.ts';
import { FRAME_HEADER_BYTES, FRAME_TYPE, MAX_CONTROL_BODY_BYTES } from '../../codec/wire.ts';
import { PIECE_BYTES } from '../../memory/footprint.ts';
import type { MemoryBudget } from '../../memory-budget.ts';
import type { Now } from '../../now.ts';
import { FULL_LEDGER_ENTRIES } from '../../subflow/ledger.ts';
import type { Subflow } from '../../subflow/subflow.ts';
import type { Uplink } from '../../uplink/uplink.ts';

/** The longest message that a DATAGRAM frame carries. */
export const MAX_FRAME_MESSAGE_BYTES = MAX_CONTROL_BODY_BYTES;

export interface FrameQueueTuning {
  /** A message waits for its subflow for so long (SPEC.md section 13): later it is worth little, and keeps up those behind it. */
  readonly mostMs: number;
  /** So many of each kind wait for one uplink at most: 50 ms of 100 Mbit/s in full packets. */
  readonly mostMessages: number;
  /** A subflow that is full takes so much more: a call. */
  readonly excessBytes: number;
  /** Of what a subflow may have under way datagrams take at most this share beside streams, */
  readonly streamedShare: number;
  /** and this where there are none: a stream that begins finds room. */
  readonly aloneShare: number;
  /** Those of small flows leave while a rate limit is in debt for less than this: streams use their share of it, too. */
  readonly mostDebtMs: number;
}

export const FRAME_QUEUE_TUNING: FrameQueueTuning = {
  mostMs: 50,
  mostMessages: 512,
  excessBytes: 16 * 1024,
  streamedShare: 0.5,
  aloneShare: 0.9,
  mostDebtMs: 50,
};

interface Waiting {
  /** Space for the frame's header, and the message up to the payload. */
  readonly head: Uint8Array;
  readonly payload: Uint8Array;
  readonly queuedMs: number;
}

const URGENT_ITEM = { kind: 'datagram', isUrgent: true } as const;
const BULK_ITEM = { kind: 'datagram', isUrgent: false } as const;

/** Messages of one kind, oldest first. */
class Line {
  readonly #memory: MemoryBudget;
  #waiting: Waiting[] = [];
  #head = 0;

  constructor(memory: MemoryBudget) {
    this.#memory = memory;
  }

  get length(): number {
    return this.#waiting.length - this.#head;
  }

  get oldest(): Waiting | undefined {
    return this.#waiting[this.#head];
  }

  /** @returns false where there is no memory for it */
  push(waiting: Waiting): boolean {
    if (!this.#memory.tryTake(footprint(waiting))) return false;
    this.#waiting.push(waiting);
    return true;
  }

  /** Not `Array.shift`, which moves all that is left. */
  shift(): Waiting {
    const waiting = this.#waiting[this.#head++]!;
    if (this.length === 0 || this.#head > COMPACT_FROM) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    this.#memory.give(footprint(waiting));
    return waiting;
  }
}

/**
 * Messages that travel on the subflows of one uplink, where UDP does not pass: those of small flows first. Beside streams both kinds together
 * have a share, since many small flows are as much as a large one.
 */
export class FrameQueue {
  readonly #uplink: Uplink;
  readonly #now: Now;
  readonly #tuning: FrameQueueTuning;
  readonly #urgent: Line;
  readonly #bulk: Line;

  constructor(uplink: Uplink, now: Now, memory: MemoryBudget, tuning: FrameQueueTuning) {
    this.#uplink = uplink;
    this.#now = now;
    this.#tuning = tuning;
    this.#urgent = new Line(memory);
    this.#bulk = new Line(memory);
  }

  get isEmpty(): boolean {
    return this.#urgent.length === 0 && this.#bulk.length === 0;
  }

  /** When the oldest is dropped. */
  get deadlineMs(): number {
    return Math.min(this.#dropsMs(this.#urgent), this.#dropsMs(this.#bulk));
  }

  /**
   * @param head with FRAME_HEADER_BYTES of space in front
   * @param isUrgent of a small flow
   * @returns how many were dropped for it
   */
  push(head: Uint8Array, payload: Uint8Array, isUrgent: boolean): number {
    const line = isUrgent ? this.#urgent : this.#bulk;
    if (!line.push({ head, payload, queuedMs: this.#now.ms })) return 1;
    head[0] = FRAME_TYPE.datagram;
    writeU32(head, 4, head.length - FRAME_HEADER_BYTES + payload.length);
    if (line.length <= this.#tuning.mostMessages) return 0;
    line.shift();
    return 1;
  }

  /** Sends what the subflows take now. @returns how many were too late */
  flush(): { sent: number; late: number } {
    let late = 0;
    let sent = 0;
    for (const line of [this.#urgent, this.#bulk]) {
      for (; this.#dropsMs(line) <= this.#now.ms; late++) line.shift();
      sent += this.#send(line);
    }
    return { sent, late };
  }

  /** The session is over, or the uplink. @returns how many waited */
  close(): number {
    let dropped = 0;
    for (const line of [this.#urgent, this.#bulk]) for (; line.length > 0; dropped++) line.shift();
    return dropped;
  }

  #dropsMs({ oldest }: Line): number {
    return oldest === undefined ? Number.POSITIVE_INFINITY : oldest.queuedMs + this.#tuning.mostMs;
  }

  #send(line: Line): number {
    const isUrgent = line === this.#urgent;
    let sent = 0;
    for (let subflow = this.#free(isUrgent); subflow !== undefined && line.length > 0; sent++) {
      const { head, payload } = line.shift();
      subflow.append([head, payload], isUrgent ? URGENT_ITEM : BULK_ITEM);
      subflow = this.#free(isUrgent);
    }
    return sent;
  }

  /** The subflow that a message leaves on: that with the least under way. */
  #free(isUrgent: boolean): Subflow<Uplink> | undefined {
    let best: Subflow<Uplink> | undefined;
    for (const subflow of this.#uplink.subflows) {
      if (!this.#takes(subflow, isUrgent)) continue;
      if (best === undefined || subflow.inFlightBytes < best.inFlightBytes) best = subflow;
    }
    return best;
  }

  #takes({ state, outbox, congestion, inFlightBytes, uplink }: Subflow<Uplink>, isUrgent: boolean): boolean {
    const { ledger } = outbox;
    const { excessBytes, streamedShare, aloneShare, mostDebtMs } = this.#tuning;
    if (state !== 'active' || !outbox.isWritable || ledger.length >= FULL_LEDGER_ENTRIES) return false;
    // Not `isOpen`: what streams may spend in debt is their share beside datagrams.
    const debtMs = uplink.bucket?.debtMs ?? 0;
    if (debtMs > (isUrgent ? mostDebtMs : 0)) return false;
    const limitBytes = congestion.inFlightLimitBytes;
    if (inFlightBytes >= limitBytes + excessBytes) return false;
    // What large flows have under way keeps up no call.
    const bytes = isUrgent ? ledger.urgentBytes : ledger.datagramBytes;
    return bytes < limitBytes * (ledger.carriesData ? streamedShare : aloneShare);
  }
}

function footprint({ head, payload }: Waiting): number {
  return head.length + payload.length + PIECE_BYTES;
}

const COMPACT_FROM = 64;
