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
  /** Going down from there: so many that have not arrived, so many that have. */
  readonly gaps: readonly { readonly gap: number; readonly run: number }[];
}
