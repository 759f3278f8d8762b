/** What the peer tells about the packets that it had on a path (SPEC.md section 13, FEEDBACK). */
export interface PathFeedback {
  /** The highest counter that has arrived. */
  readonly largest: number;
  /** Since `largest` arrived there, in milliseconds; infinite where it is longer than can be said. */
  readonly delayMs: number;
  /** How many packets have arrived since the path began, repeats not counted. */
  readonly packets: number;
  /** So many counters below `largest` have arrived, too, without a gap. */
  readonly firstRun: number;
  /** Going down from there: so many that have not arrived, so many that have, and so on. */
  readonly gapsAndRuns: readonly number[];
}

/** The counters that have arrived, as [lowest, highest], going down. Stops below `least`. */
export function* arrivedRanges(
  { largest, firstRun, gapsAndRuns }: PathFeedback,
  least: number,
): Generator<readonly [number, number]> {
  let low = largest - firstRun;
  yield [low, largest];
  for (let i = 0; i + 1 < gapsAndRuns.length; i += 2) {
    const high = low - 1 - gapsAndRuns[i]!;
    if (high < least) return;
    low = high - gapsAndRuns[i + 1]! + 1;
    if (low <= high) yield [low, high];
  }
}
