/** What the peer tells about the packets that it had on a path (SPEC.md section 13, FEEDBACK). */
export interface PathFeedback {
  /** The highest counter that has arrived. */
  readonly largest: number;
  /** Since `largest` arrived there, in milliseconds; undefined where it is longer than the field can say. */
  readonly delayMs: number | undefined;
  /** How many packets have arrived since the path began, repeats not counted. */
  readonly packets: number;
  /** So many counters below `largest` have arrived, too, without a gap. */
  readonly firstRun: number;
  /** Going down from there: so many that have not arrived, and then so many that have. */
  readonly gaps: readonly { readonly gap: number; readonly run: number }[];
}

/** The counters that have arrived, as [lowest, highest], going down. Stops below `least`. */
export function* arrivedRanges(
  { largest, firstRun, gaps }: PathFeedback,
  least: number,
): Generator<readonly [number, number]> {
  let low = largest - firstRun;
  yield [low, largest];
  for (const { gap, run } of gaps) {
    const high = low - 1 - gap;
    if (high < least) return;
    low = high - run + 1;
    if (run > 0) yield [low, high];
  }
}
