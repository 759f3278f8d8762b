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
  /** So many wait for one uplink at most: 50 ms of 100 Mbit/s in full packets. */
  readonly mostMessages: number;
  /** A subflow that is full of streams' bytes takes so much more: a call, but no bulk. */
  readonly excessBytes: number;
}

export const FRAME_QUEUE_TUNING: FrameQueueTuning = {
  mostMs: 50,
  mostMessages: 512,
  excessBytes: 16 * 1024,
};

interface Waiting {
  /** Space for the frame's header, and the message up to the payload. */
  readonly head: Uint8Array;
  readonly payload: Uint8Array;
  readonly queuedMs: number;
}

const ITEM = { kind: 'datagram' } as const;

/** Messages that travel on the subflows of one uplink, where UDP does not pass. */
export class FrameQueue {
  readonly #uplink: Uplink;
  readonly #now: Now;
  readonly #memory: MemoryBudget;
  readonly #tuning: FrameQueueTuning;
  #waiting: Waiting[] = [];
  #head = 0;

  constructor(uplink: Uplink, now: Now, memory: MemoryBudget, tuning: FrameQueueTuning) {
    this.#uplink = uplink;
    this.#now = now;
    this.#memory = memory;
    this.#tuning = tuning;
  }

  get isEmpty(): boolean {
    return this.#head === this.#waiting.length;
  }

  /** When the oldest is dropped. */
  get deadlineMs(): number {
    const oldest = this.#waiting[this.#head];
    return oldest === undefined ? Number.POSITIVE_INFINITY : oldest.queuedMs + this.#tuning.mostMs;
  }

  /** @param head with FRAME_HEADER_BYTES of space in front @returns how many were dropped for it */
  push(head: Uint8Array, payload: Uint8Array): number {
    if (!this.#memory.tryTake(footprint(head, payload))) return 1;
    head[0] = FRAME_TYPE.datagram;
    writeU32(head, 4, head.length - FRAME_HEADER_BYTES + payload.length);
    this.#waiting.push({ head, payload, queuedMs: this.#now.ms });
    if (this.#waiting.length - this.#head <= this.#tuning.mostMessages) return 0;
    this.#shift();
    return 1;
  }

  /** Sends what the subflows take now. @returns how many were too late */
  flush(): { sent: number; late: number } {
    let late = 0;
    while (this.deadlineMs <= this.#now.ms) {
      this.#shift();
      late++;
    }
    let sent = 0;
    for (let subflow = this.#free(); subflow !== undefined && !this.isEmpty; subflow = this.#free()) {
      const { head, payload } = this.#shift();
      subflow.append([head, payload], ITEM);
      sent++;
    }
    return { sent, late };
  }

  /** The session is over, or the uplink. @returns how many waited */
  close(): number {
    let dropped = 0;
    for (; !this.isEmpty; dropped++) this.#shift();
    return dropped;
  }

  /** The subflow that a message leaves on: that with the least under way. */
  #free(): Subflow<Uplink> | undefined {
    let best: Subflow<Uplink> | undefined;
    for (const subflow of this.#uplink.subflows) {
      if (!this.#takes(subflow)) continue;
      if (best === undefined || subflow.inFlightBytes < best.inFlightBytes) best = subflow;
    }
    return best;
  }

  #takes({ state, outbox, congestion, inFlightBytes, uplink }: Subflow<Uplink>): boolean {
    if (state !== 'active' || !outbox.isWritable || uplink.bucket?.isOpen === false) return false;
    if (outbox.ledger.length >= FULL_LEDGER_ENTRIES) return false;
    return inFlightBytes < congestion.inFlightLimitBytes + this.#tuning.excessBytes;
  }

  /** Not `Array.shift`, which moves all that is left. */
  #shift(): Waiting {
    const waiting = this.#waiting[this.#head++]!;
    if (this.isEmpty || this.#head > this.#tuning.mostMessages) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    this.#memory.give(footprint(waiting.head, waiting.payload));
    return waiting;
  }
}

function footprint(head: Uint8Array, payload: Uint8Array): number {
  return head.length + payload.length + PIECE_BYTES;
}
