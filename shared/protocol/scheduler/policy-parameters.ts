/** What a policy says beside its mode. Uplinks go by name. */
export interface PolicyParameters extends ModeParameters {
  /** The only uplinks that may carry the stream, in any mode; absent: all. */
  readonly only?: readonly string[];
}

/** The parameters of modes; the table of modes says in which each means something. */
export interface ModeParameters {
  /** Preferred first; those not named come last. */
  readonly order?: readonly string[];
  /** Shares of the bytes, in any unit; those not named get nothing. */
  readonly weights?: Readonly<Record<string, number>>;
  /** An uplink whose round trip is above this is left, as long as another is within the limits. */
  readonly maxRttMs?: number;
  /** So is one that loses more than this share, 0 to 1. */
  readonly maxLoss?: number;
}
