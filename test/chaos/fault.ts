/** What a fault hits: two at a time never hit the same. An uplink is named by its name. */
export type Target = string;

/** One fault of a schedule: plain data, so that it can be printed and played again. */
export interface Fault {
  readonly kind: string;
  readonly target: Target;
  /** Since the start of the schedule. */
  readonly atMs: number;
  readonly lastsMs: number;
  /** Its strength; each kind says what that is. */
  readonly value: number;
}

/** A fault as it was played, on a machine that may have been late: its times are those of what happened. */
export interface PlayedFault extends Fault {
  /** When the client next had a new session; absent: it had none. */
  readonly newSessionAtMs?: number;
}

/** Time in which a fault may break connections of a route: through the concentrator, or directly over an uplink. */
export interface Excuse {
  readonly route: 'concentrator' | 'direct';
  readonly fromMs: number;
  readonly toMs: number;
  /** It may only keep new ones from opening. */
  readonly onlyOpens?: boolean;
}
