/**
 * Every number of the core that may be tuned without breaking the wire format, each with its reason.
 * Times in milliseconds, sizes in bytes, rates in bytes per second.
 */

/** Receipts travel on so many of the fastest subflows: one may be dying unnoticed, a third was never the first to arrive. */
export const RECEIPT_COPIES = 2;

/** Deficit round robin: a stream sends so much before the next one's turn. */
export const QUANTUM_BYTES = 16 * 1024;
/** A stream is new, and goes before the others, for its first bytes (fq_codel's new flows). */
export const NEW_STREAM_BYTES = 64 * 1024;

/** A stream that has sent so much is a long one: it may send on subflows only to find out what they can. */
export const PROBE_AFTER_BYTES = 512 * 1024;
/** A stream whose end is not known is expected to send this share of what it has sent: sizes are heavy-tailed, with Pareto's law and a shape of 2 or less it is as much again or more. */
export const REST_SHARE = 1;

/** An application is not read while its stream has this much waiting, or BACKLOG_MS of all uplinks if that is more. */
export const MIN_BACKLOG_BYTES = 64 * 1024;
export const BACKLOG_MS = 20;
/** What is read and sent within the processor's cache costs less; two blocks of the fastest applications. */
export const MAX_BACKLOG_BYTES = 512 * 1024;
/** All applications of a session share this while there are enough of them (MIN_BACKLOG_BYTES each they always have). */
export const MAX_SESSION_BACKLOG_BYTES = 16 * 1024 * 1024;

/** And what they have handed over and the peer does not confirm: above what the windows of a peer that needs it promise, whatever a peer may claim. */
export const MAX_SESSION_UNDELIVERED_BYTES = 128 * 1024 * 1024;

/** Window of a new stream while the session has memory to spare. */
export const FIRST_WINDOW_BYTES = 1024 * 1024;
/** Window of a new stream when it has none: the hard floor, counted in the session's worst case. */
export const FLOOR_WINDOW_BYTES = 64 * 1024;
export const MAX_WINDOW_BYTES = 16 * 1024 * 1024;

/** Segments out of order that one stream keeps: room for the largest window in pieces of half of MELT_BELOW_BYTES. */
export const MAX_REORDER_ENTRIES = 8 * 1024;
/** A kept slice shorter than this melts into its neighbour. */
export const MELT_BELOW_BYTES = 4 * 1024;

/** Copies of head-of-line segments may cost this share of all bytes sent, plus COPY_ALLOWANCE_BYTES. */
export const COPY_SHARE = 0.05;
export const COPY_ALLOWANCE_BYTES = 256 * 1024;
/** A segment younger than this is not copied. */
export const MIN_COPY_AGE_MS = 20;
export const MAX_COPY_AGE_MS = 500;

/** BLEST's lambda: the gate's margin, larger after head-of-line blocking, smaller without it. */
export const MIN_LAMBDA = 1.0;
export const MAX_LAMBDA = 1.3;
export const LAMBDA_STEP_UP = 0.04;
export const LAMBDA_STEP_DOWN = 0.01;

/** A subflow that was doubted, and whose round trip is now above this multiple of what it was, and this more, is degraded. */
export const DEGRADED_RTT = 2;
/** It carries data nevertheless when it is known to add more than this share to the rate of the others. */
export const DEGRADED_SHARE = 0.25;

/** `lowest-latency` leaves an uplink with a longer round trip than this, if the policy gives no other: a map that is dragged feels late beyond. */
export const DEFAULT_MAX_RTT_MS = 250;
/** It may come back below this share of the limits, */
export const RETURN_SHARE = 0.8;
/** and once it has been so for this long, twice as long each time it turned bad again within the memory. */
export const FIRST_RETURN_MS = 2_000;
export const MAX_RETURN_MS = 60_000;
export const RETURN_MEMORY_MS = 60_000;
/** Another uplink within the limits must be below this share of the delay, less this much, for so long: receipts measure no better. */
export const RIVAL_DELAY_SHARE = 0.8;
export const RIVAL_SLACK_MS = 5;
export const RIVAL_MS = 2_000;
/** `active-standby` goes back to a preferred uplink that has worked for this long again. */
export const STANDBY_RETURN_MS = 1_000;

/** `priority` takes the next uplink for a stream of which something has waited for this long without a break, */
export const OVERFLOW_WAIT_MS = 200;
/** and where the first's rate still grows, for this long: it is about to carry more. */
export const OVERFLOW_GROWING_MS = 500;
/** `weighted`: no uplink is ahead of its share by more than this. Enough for a turn of the fastest, little beside a bulk transfer. */
export const WEIGHTED_SLACK_BYTES = 128 * 1024;

/** A stream is paced by its application if something waited for less than this share of the time, */
export const PACE_BUSY_SHARE = 0.5;
/** in so many stretches of this length, one after the other: bulk that begins slowly is not. */
export const PACE_SPANS = 2;
export const PACE_SPAN_MS = 1_000;
/** It falls behind when something has waited for this long: a burst at four times the mean rate has left by then. */
export const PACE_WAIT_MS = 100;
/** One that fell behind is not held to one uplink for so long, twice as long each time: restraint has cost it time. */
export const MIN_PACE_HOLD_MS = 10_000;
export const MAX_PACE_HOLD_MS = 160_000;
