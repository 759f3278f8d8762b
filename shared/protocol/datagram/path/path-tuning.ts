/** The numbers of a path of datagrams. Times in milliseconds, sizes in bytes. */
export interface DatagramPathTuning {
  /** The peer gives feedback within so long (SPEC.md section 13). */
  readonly feedbackMs: number;
  /** Feedback is late when it is longer under way than usual by so many mean deviations, as in RFC 6298, */
  readonly lateDeviations: number;
  /** and by at least this: timers are late by some milliseconds. */
  readonly leastLateMs: number;
  /** What was under way when feedback was late says nothing of the path; but where that goes on for so long, the path is a longer one. */
  readonly stuckMs: number;
  /** A path whose feedback is late by this more, or by a round trip, is silent: flows leave it. */
  readonly silentMs: number;
  /** One that was silent is asked often for so long, until what has waited in its pause has passed. */
  readonly recoveryMs: number;
  /** A path that was silent is unsteady for so long. */
  readonly unsteadyMs: number;
  /** A datagram that is late is worth sending again for so long beyond the time for feedback: a call has played on by then. */
  readonly resendMs: number;
  /** A packet that was sent by this much before one that has arrived, and has not, is lost: paths hardly reorder by more. */
  readonly reorderMs: number;
  /** What is neither confirmed nor lost for so long is no longer under way. */
  readonly forgetMs: number;
  /** A path is blocked, and messages go by its uplink's subflows, when nothing was heard on it for so long while they were. */
  readonly blockedMs: number;
}

export const DATAGRAM_PATH_TUNING: DatagramPathTuning = {
  feedbackMs: 15,
  lateDeviations: 4,
  leastLateMs: 10,
  stuckMs: 1_500,
  silentMs: 50,
  recoveryMs: 1_000,
  unsteadyMs: 10_000,
  resendMs: 100,
  reorderMs: 5,
  forgetMs: 2_000,
  blockedMs: 1_000,
};
