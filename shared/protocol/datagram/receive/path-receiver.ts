import { type FeedbackGap, type FeedbackMessage, MAX_FEEDBACK_GAPS } from '../../codec/datagram-message.ts';
import type { Now } from '../../now.ts';
import { SeenWindow } from './seen-window.ts';

/**
 * Counters that are told apart below the highest of a path. At 100,000 packets a second it is 20 ms: packets of one path overtake each
 * other by less. SPEC.md section 13 wants 1024.
 */
export const REPLAY_WINDOW = 2_048;
/** A run as FEEDBACK can say it. */
const MAX_RUN = 0xffff;

/** When the peer is told what has arrived. */
export interface FeedbackTuning {
  /** At once where nothing was told for so long, otherwise so long after it was, */
  readonly intervalMs: number;
  /** and after so many packets at most. */
  readonly packets: number;
  /** Gaps are told of for so long, at most twice as long: the peer has given up older ones, and each costs bytes in every feedback. */
  readonly gapMs: number;
}

/** SPEC.md section 13. A call has a packet every 20 ms: each is told of at once. */
export const FEEDBACK_TUNING: FeedbackTuning = { intervalMs: 15, packets: 16, gapMs: 500 };

/** What a packet wants of its receiver: nothing, feedback soon, or at once. */
export type WantedFeedback = 'none' | 'soon' | 'now';

/** What arrives on one path: which packets have come, so that none is taken twice, and what the peer is told of it. */
export class PathReceiver {
  readonly #now: Now;
  readonly #tuning: FeedbackTuning;
  readonly #counters = new SeenWindow(REPLAY_WINDOW);
  #packets = 0;
  #largestAtMs = 0;
  /** How many below the largest have come without a gap; kept up to date for packets in order, which is nearly all. */
  #firstRun = 0;
  #isRunKnown = true;
  /** Packets that want feedback and have none. */
  #unanswered = 0;
  #dueMs = Number.POSITIVE_INFINITY;
  #lastFeedbackMs = Number.NEGATIVE_INFINITY;
  /** The largest at the beginning of this span of `gapMs`, and of the one before. */
  #spanFrom = 0;
  #lastSpanFrom = 0;
  #spanMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now, tuning: FeedbackTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  /** Packets that have arrived, repeats not counted. */
  get packets(): number {
    return this.#packets;
  }

  get largest(): number {
    return this.#counters.highest;
  }

  /** When the newest packet came; 0 before the first. */
  get largestAtMs(): number {
    return this.#largestAtMs;
  }

  /** When the peer is to be told. */
  get dueMs(): number {
    return this.#dueMs;
  }

  isNew(counter: number): boolean {
    return !this.#counters.has(counter);
  }

  /** @returns false for one that has come before, or is too old to say */
  onPacket(counter: number, wanted: WantedFeedback): boolean {
    const { highest } = this.#counters;
    if (!this.#counters.add(counter)) return false;
    this.#packets++;
    if (counter > highest) {
      this.#largestAtMs = this.#now.ms;
      if (counter === highest + 1 && highest >= 0) this.#firstRun++;
      else {
        this.#firstRun = 0;
        this.#isRunKnown = true;
      }
    } else {
      this.#isRunKnown = false;
    }
    if (wanted !== 'none') this.#want(wanted);
    return true;
  }

  /** What the peer is told now. @param mostGaps so many are told of */
  takeFeedback(path: number, mostGaps = MAX_FEEDBACK_GAPS): FeedbackMessage {
    this.#unanswered = 0;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#lastFeedbackMs = this.#now.ms;
    this.#beginSpan();
    const { highest } = this.#counters;
    const firstRun = this.#run();
    return {
      path,
      delayMs: this.#now.ms - this.#largestAtMs,
      largest: highest,
      packets: this.#packets,
      firstRun,
      gaps: this.#gaps(highest - firstRun - 1, mostGaps),
    };
  }

  #want(wanted: WantedFeedback): void {
    this.#unanswered++;
    const isNow = wanted === 'now' || this.#unanswered >= this.#tuning.packets;
    const nowMs = this.#now.ms;
    const dueMs = isNow ? nowMs : Math.max(nowMs, this.#lastFeedbackMs + this.#tuning.intervalMs);
    this.#dueMs = Math.min(this.#dueMs, dueMs);
  }

  #beginSpan(): void {
    if (this.#now.ms - this.#spanMs < this.#tuning.gapMs) return;
    this.#spanMs = this.#now.ms;
    this.#lastSpanFrom = this.#spanFrom;
    this.#spanFrom = this.#counters.highest;
  }

  #run(): number {
    if (!this.#isRunKnown) {
      this.#firstRun = this.#counters.runDown(this.#counters.highest, true) - 1;
      this.#isRunKnown = true;
    }
    return Math.min(this.#firstRun, MAX_RUN);
  }

  /** From the first that has not come on; counters begin at 1. */
  #gaps(from: number, most: number): readonly FeedbackGap[] {
    const lowest = Math.max(1, this.#counters.lowest, this.#lastSpanFrom);
    const gaps: FeedbackGap[] = [];
    let at = from;
    while (at >= lowest && gaps.length < most) {
      const gap = this.#counters.runDown(at, false);
      const run = this.#counters.runDown(at - gap, true);
      // A gap that reaches to the end of the window says nothing that `packets` does not.
      if (run === 0) break;
      gaps.push({ gap, run });
      at -= gap + run;
    }
    return gaps;
  }
}
