/**
 * What it costs to keep one piece of memory, however few its bytes: the objects that hold it, its share of the array that they
 * are in, and what the allocator adds. Measured at 300 to 450 bytes in V8 12; charged for each piece that waits for anything.
 */
export const PIECE_BYTES = 512;

/** What a stream costs before it carries anything: its halves, its relay and its sockets' objects. Half of what is measured with a socket. */
export const STREAM_BYTES = 4 * 1024;

/** What memory in steps is taken in from a budget, so that a small piece seldom has to ask at every level. */
export const STEP_BYTES = 4 * 1024;
