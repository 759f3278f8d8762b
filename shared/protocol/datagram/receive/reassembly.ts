import { PIECE_BYTES } from '../../memory/footprint.ts';
import type { MemoryBudget } from '../../memory-budget.ts';
import type { Now } from '../../now.ts';

/** Datagrams of a session that may wait for parts (SPEC.md section 13); of more the oldest is given up, */
export const MAX_INCOMPLETE = 64;
/** as one that has waited for so long. */
export const INCOMPLETE_MS = 1_000;
/** What they hold together: fifteen of the longest. */
export const MAX_INCOMPLETE_BYTES = 1024 * 1024;
/** The longest datagram: what one UDP packet of IPv6 carries. */
export const MAX_DATAGRAM_BYTES = 65_527;

/** A datagram of which some parts are missing. */
interface Incomplete {
  readonly flowId: number;
  readonly sequence: number;
  readonly parts: (Uint8Array | undefined)[];
  readonly beganMs: number;
  missing: number;
  bytes: number;
  /** What it took of the budget. */
  takenBytes: number;
}

/** A part as it came. */
export interface ReceivedPart {
  readonly flowId: number;
  /** Of the datagram, in full length. */
  readonly sequence: number;
  readonly index: number;
  readonly count: number;
  readonly payload: Uint8Array;
}

/** Joins the parts of datagrams, within bounds for all of a session's. */
export class Reassembly {
  readonly #now: Now;
  readonly #memory: MemoryBudget;
  /** The oldest first. */
  #incomplete: Incomplete[] = [];
  #takenBytes = 0;
  #givenUp = 0;

  constructor(now: Now, memory: MemoryBudget) {
    this.#now = now;
    this.#memory = memory;
  }

  /** Datagrams that were given up, since parts did not come in time or there was no room for them. */
  get givenUp(): number {
    return this.#givenUp;
  }

  /** When the oldest is given up. */
  get deadlineMs(): number {
    const [oldest] = this.#incomplete;
    return oldest === undefined ? Number.POSITIVE_INFINITY : oldest.beganMs + INCOMPLETE_MS;
  }

  /** @returns the whole datagram with its last part */
  add(part: ReceivedPart): Uint8Array | undefined {
    const incomplete = this.#find(part) ?? this.#begin(part);
    if (incomplete.parts[part.index] !== undefined) return undefined;
    const takenBytes = part.payload.length + PIECE_BYTES;
    if (incomplete.bytes + part.payload.length > MAX_DATAGRAM_BYTES || !this.#take(incomplete, takenBytes)) {
      this.#giveUp(incomplete);
      return undefined;
    }
    incomplete.parts[part.index] = part.payload;
    incomplete.bytes += part.payload.length;
    incomplete.missing--;
    if (incomplete.missing > 0) return undefined;
    this.#remove(incomplete);
    return joined(incomplete);
  }

  /** Gives up what has waited for too long. */
  expire(): void {
    while (this.deadlineMs <= this.#now.ms) this.#giveUp(this.#incomplete[0]!);
  }

  /** The flow is over, or with undefined the session. */
  forget(flowId?: number): void {
    for (const incomplete of [...this.#incomplete]) {
      if (flowId === undefined || incomplete.flowId === flowId) this.#remove(incomplete);
    }
  }

  /** Copies over several paths may be cut in different ways: the first that is whole counts. */
  #find({ flowId, sequence, count }: ReceivedPart): Incomplete | undefined {
    return this.#incomplete.find(
      (one) => one.flowId === flowId && one.sequence === sequence && one.parts.length === count,
    );
  }

  #begin({ flowId, sequence, count }: ReceivedPart): Incomplete {
    if (this.#incomplete.length === MAX_INCOMPLETE) this.#giveUp(this.#incomplete[0]!);
    const parts = new Array<Uint8Array | undefined>(count).fill(undefined);
    const incomplete: Incomplete = {
      flowId,
      sequence,
      parts,
      beganMs: this.#now.ms,
      missing: count,
      bytes: 0,
      takenBytes: 0,
    };
    this.#incomplete.push(incomplete);
    return incomplete;
  }

  #take(incomplete: Incomplete, bytes: number): boolean {
    while (this.#takenBytes + bytes > MAX_INCOMPLETE_BYTES && this.#incomplete[0] !== incomplete) {
      this.#giveUp(this.#incomplete[0]!);
    }
    if (this.#takenBytes + bytes > MAX_INCOMPLETE_BYTES || !this.#memory.tryTake(bytes)) return false;
    incomplete.takenBytes += bytes;
    this.#takenBytes += bytes;
    return true;
  }

  #giveUp(incomplete: Incomplete): void {
    this.#givenUp++;
    this.#remove(incomplete);
  }

  #remove(incomplete: Incomplete): void {
    this.#incomplete = this.#incomplete.filter((other) => other !== incomplete);
    this.#memory.give(incomplete.takenBytes);
    this.#takenBytes -= incomplete.takenBytes;
  }
}

function joined({ parts, bytes }: Incomplete): Uint8Array {
  const whole = new Uint8Array(bytes);
  let offset = 0;
  for (const part of parts) {
    whole.set(part!, offset);
    offset += part!.length;
  }
  return whole;
}
