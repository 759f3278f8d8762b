/** Monotonic milliseconds, with fractions; the zero is arbitrary. */
export type MonotonicClock = () => number;
