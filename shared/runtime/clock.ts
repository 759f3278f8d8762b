/** Monotonic milliseconds, with fractions; the zero is arbitrary. */
export type MonotonicClock = () => number;

/** Milliseconds since 1970 in UTC. It may jump: measure durations with a `MonotonicClock`. */
export type WallClock = () => number;
