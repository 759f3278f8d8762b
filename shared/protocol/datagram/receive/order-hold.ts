import { PIECE_BYTES } from '../../memory/footprint.ts';
import type { MemoryBudget } from '../../memory-budget.ts';
import type { Now } from '../../now.ts';

/** Datagrams of one flow that may be held back: 50 ms of 100 Mbit/s. */
export const MAX_HELD = 512;

/** How long a datagram of a flow that is spread over paths waits for those before it. */
export interface OrderHoldTuning {
  /** Before the paths' difference is known: twice what two uplinks usually differ. */
  readonly firstMs: number;
  /** SPEC.md section 13. */
  readonly mostMs: number;
  /** What came late by so much may come later by this factor. */
  readonly margin: number;
  /** How much of a shorter wait each one that is seen makes forget of a longer one: a second or two of a bulk flow, which slows down for each that is late. */
  readonly decay: number;
}

export const ORDER_HOLD_TUNING: OrderHoldTuning = { firstMs: 20, mostMs: 50, margin: 1.5, decay: 1 / 1_024 };

interface Held {
  readonly sequence: number;
  readonly payload: Uint8Array;
  readonly arrivedMs: number;
}

/**
 * Puts the datagrams of one flow in order that travel over several paths at a time. What comes too early is held back, for about as
 * long as those before it were late so far.
 */
export class OrderHold {
  readonly #now: Now;
  readonly #tuning: OrderHoldTuning;
  readonly #memory: MemoryBudget;
  readonly #handOn: (payload: Uint8Array) => void;
  /** By sequence, in the order in which they came. */
  readonly #held = new Map<number, Held>();
  /** The next to be handed on in order. */
  #next: number;
  /** How long gaps lasted until they were filled. */
  #latenessMs: number;

  constructor(
    first: number,
    context: { readonly now: Now; readonly tuning: OrderHoldTuning; readonly memory: MemoryBudget },
    handOn: (payload: Uint8Array) => void,
  ) {
    this.#next = first;
    this.#now = context.now;
    this.#tuning = context.tuning;
    this.#memory = context.memory;
    this.#handOn = handOn;
    this.#latenessMs = context.tuning.firstMs / context.tuning.margin;
  }

  /** When one that is held back leaves whatever is missing before it. */
  get deadlineMs(): number {
    for (const held of this.#held.values()) return this.#leavesMs(held);
    return Number.POSITIVE_INFINITY;
  }

  /** One that has not come before. @param sequence in full length @param isSpread false: it need not wait */
  add(sequence: number, payload: Uint8Array, isSpread: boolean): void {
    if (sequence < this.#next) {
      this.#onLate();
      this.#handOn(payload);
      return;
    }
    if (sequence - this.#next >= MAX_HELD) this.#letGoTo(sequence - MAX_HELD);
    if (sequence > this.#next) {
      const mayWait = isSpread && this.#memory.tryTake(payload.length + PIECE_BYTES);
      if (mayWait) {
        this.#held.set(sequence, { sequence, payload, arrivedMs: this.#now.ms });
        return;
      }
      this.#letGoTo(sequence - 1);
    }
    this.#handOn(payload);
    this.#next = sequence + 1;
    if (this.#held.size > 0) this.#onFilled();
  }

  /** Lets go what has waited for long enough. */
  expire(): void {
    let last = this.#next - 1;
    for (const held of this.#held.values()) {
      if (this.#leavesMs(held) > this.#now.ms) break;
      last = Math.max(last, held.sequence);
    }
    if (last >= this.#next) this.#letGoTo(last);
  }

  /** The flow is over: what is held is dropped. */
  close(): void {
    for (const held of this.#held.values()) this.#take(held);
  }

  /** What was missing has come: what is held behind it follows. */
  #onFilled(): void {
    const first = this.#held.get(this.#next);
    if (first === undefined) return;
    this.#learn(this.#now.ms - first.arrivedMs);
    this.#letGoTo(this.#next - 1);
  }

  /** One came after those behind it had been let go. */
  #onLate(): void {
    this.#learn(Math.max(1, this.#latenessMs * this.#tuning.margin));
  }

  #learn(latenessMs: number): void {
    const { decay, mostMs } = this.#tuning;
    const before = this.#latenessMs;
    const learnt = latenessMs > before ? latenessMs : before + (latenessMs - before) * decay;
    this.#latenessMs = Math.min(mostMs, learnt);
  }

  /** Hands on all up to this sequence, whatever is missing, and what follows without a gap. */
  #letGoTo(last: number): void {
    while (this.#held.size > 0) {
      const held = this.#held.get(this.#next);
      if (held !== undefined) {
        this.#take(held);
        this.#handOn(held.payload);
      } else if (this.#next > last) {
        break;
      }
      this.#next++;
    }
    this.#next = Math.max(this.#next, last + 1);
  }

  #take({ sequence, payload }: Held): void {
    this.#held.delete(sequence);
    this.#memory.give(payload.length + PIECE_BYTES);
  }

  #leavesMs({ arrivedMs }: Held): number {
    const { mostMs, margin } = this.#tuning;
    return arrivedMs + Math.min(mostMs, this.#latenessMs * margin);
  }
}
