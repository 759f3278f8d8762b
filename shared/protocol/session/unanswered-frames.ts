import { PIECE_BYTES } from '../memory/footprint.ts';
import type { MemoryBudget } from '../memory-budget.ts';

/** Frames of which the peer has said nothing may take this part of the session's memory: beyond it the session ends. */
const MOST_PART = 1 / 4;
/** What they may take however little that is: 8192 frames. */
const LEAST_BYTES = 8 * 1024 * PIECE_BYTES;
/** Taken in steps, since most sessions have a few frames under way. */
const UNANSWERED_STEP_BYTES = 64 * 1024;

/** The memory of frames under way, and of control frames that wait. A peer that asks and confirms little makes them many. */
export class UnansweredFrames {
  readonly #memory: MemoryBudget;
  #takenBytes = 0;

  constructor(memory: MemoryBudget) {
    this.#memory = memory;
  }

  /** There are so many now. @returns false when they are too many */
  count(frames: number): boolean {
    const bytes = frames * PIECE_BYTES;
    const stepsBytes = Math.floor(bytes / UNANSWERED_STEP_BYTES) * UNANSWERED_STEP_BYTES;
    if (stepsBytes !== this.#takenBytes) this.#take(stepsBytes);
    return bytes <= Math.max(this.#memory.limitBytes * MOST_PART, LEAST_BYTES);
  }

  /** The session is over. */
  close(): void {
    this.#take(0);
  }

  #take(bytes: number): void {
    this.#memory.give(this.#takenBytes);
    this.#memory.take(bytes);
    this.#takenBytes = bytes;
  }
}
