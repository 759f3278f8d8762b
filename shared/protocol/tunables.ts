/**
 * Every number of the core that may be tuned without breaking the wire format, each with its reason.
 * Times in milliseconds, sizes in bytes, rates in bytes per second.
 */

/** Longest that received bytes wait for their receipt: short beside any uplink's round trip, long enough to batch. */
export const RECEIPT_INTERVAL_MS = 5;
/** A receipt goes out earlier after this much, so that a gigabit subflow is not held at cap / interval. */
export const RECEIPT_EAGER_BYTES = 256 * 1024;
/** Receipts travel on so many of the fastest subflows: one may be dying unnoticed, a third was never the first to arrive. */
export const RECEIPT_COPIES = 2;

/** How long what a subflow is given at once takes to leave: commit late, so that the next choice can differ. */
export const COMMIT_MS = 10;
export const MIN_COMMIT_BYTES = 4 * 1024;
/** On a fast subflow a write ends with the frame that passes this: one long frame, or a few shorter ones. */
export const MAX_COMMIT_BYTES = 128 * 1024;

/** A segment takes about this long on its subflow: small on slow ones, where it would delay what comes behind it. */
export const SEGMENT_MS = 5;
export const MIN_SEGMENT_BYTES = 2 * 1024;
/** Before a rate is known: one TLS record with its header. */
export const FIRST_SEGMENT_BYTES = 16 * 1024 - 24;

/** In flight at first: twice the kernel's IW10, which so never waits; more would be committed to a subflow that may be slow. */
export const FIRST_IN_FLIGHT_BYTES = 32 * 1024;
/** Never less than this in flight: two small segments, so that a receipt is always due. */
export const MIN_IN_FLIGHT_BYTES = 8 * 1024;
/** Most that is allowed for the programs' own delay, as on a machine whose processors are all taken. */
export const MAX_HOST_LAG_MS = 30;
/** Bulk arrives on a subflow, too, when it brings this share of what the subflow delivers: an upload beside a download over ADSL brings an eighth. */
export const TWO_WAY_SHARE = 1 / 16;
/** While the rate still grows: doubles it in each round trip, like BBR's start-up. */
export const STARTUP_GAIN = 2.5;
/** Afterwards: half a round trip's worth waits in the kernel, so that the subflow never idles and the queue stays short. */
export const CRUISE_GAIN = 1.5;
/** A kernel's round trip below this multiple of the smallest is one without a queue. */
export const QUEUE_FREE_RTT = 1.25;
/** And above this multiple one with a queue that no congestion control keeps on purpose: BBR probes with two round trips in flight, and radios delay. */
export const LONG_QUEUE_RTT = 4;
/** After a retransmission so many round trips pass until receipts come as steadily as before. */
export const REPAIR_ROUNDS = 2;
/** The pipe counts as full after so many round trips without a quarter more rate (BBR). */
export const FULL_PIPE_ROUNDS = 3;
export const FULL_PIPE_GROWTH = 1.25;

/** The delivery rate is the largest sample of so many round trips, and at least of this time. */
export const RATE_WINDOW_ROUNDS = 10;
export const MIN_RATE_WINDOW_MS = 300;
/** And at most of this time: an uplink that has collapsed must not be trusted for long on its past. */
export const MAX_RATE_WINDOW_MS = 3_000;
/** The minimal round trip time is forgotten after this long, since routes change. */
export const MIN_RTT_WINDOW_MS = 60_000;
/** The path as it is now is judged by the last one or two spans of this length: a few round trips of most uplinks. */
export const RECENT_RTT_BUCKET_MS = 250;
/** Assumed before the first measurement. */
export const FIRST_RTT_MS = 100;

/** A stream that has sent so much is a long one: it may send on subflows only to find out what they can. */
export const PROBE_AFTER_BYTES = 512 * 1024;

/** A rate limit counts what goes over the wire: a full packet of 1500 bytes carries 1448 of TCP over IPv4, and TLS takes 22 of 16 KB. */
export const WIRE_OVERHEAD = 1.04;
/** An acknowledgement of 52 bytes for every second packet, in bytes of frames. */
export const ACK_SHARE = 0.018;
/** Acknowledgements and control frames use up at most this share of a rate limit: data would wait for as long as a large download takes, and longer. */
export const UNHELD_SHARE = 0.5;
/** What they did not use of it counts for so long: they come in bursts. */
export const UNHELD_MS = 1_000;
/** A limited uplink makes up for so much time in which it did not send: longer than timers are late, too short to fill a queue. */
export const LIMIT_BURST_MS = 25;
/** However deep in debt, a limited uplink is looked at this often: no timer waits for years. */
export const LIMIT_LOOK_MS = 1_000;

/**
 * RECEIPTs on one subflow of which the peer says nothing: beyond it the subflow is closed. The answer to a PING or a WINDOW, within a
 * second, covers all before it: two hundred, and some thousands at 10 Gbit/s.
 */
export const MAX_UNANSWERED_RECEIPTS = 16 * 1024;

/** An idle subflow is asked for a receipt this often, so that its death is noticed before it is needed. */
export const PING_INTERVAL_MS = 1_000;
/** One that costs by the byte, so seldom: a second's pings are 20 MB a day and direction. Within what any NAT remembers. */
export const METERED_PING_INTERVAL_MS = 15_000;

/** Shortest silence that counts as doubt; radio pauses below it are everyday. */
export const MIN_DOUBT_MS = 100;
export const MIN_DOUBT_SPARSE_MS = 200;
/** With this much under way its receipts come in a steady stream, and silence says something early. */
export const DENSE_SEGMENTS = 8;
/** Doubted this long: the client dials a fresh subflow beside it. */
export const REPLACE_AFTER_MS = 1_000;
/** Doubted this long with everything delivered elsewhere: reset. */
export const GIVE_UP_AFTER_MS = 3_000;
/** Doubted this long it is reset whatever is under way: behind the kernel's own time-out, where there is one. */
export const ABANDON_AFTER_MS = 15_000;
/** A subflow that was doubted again and again waits twice as long each time before it gets data. */
export const FLAP_PENALTY_MS = 50;
export const MAX_FLAP_PENALTY_MS = 5_000;
/** A subflow that carried data for this long has its flaps forgiven: radios pause every few seconds, and are worth it. */
export const FLAP_MEMORY_MS = 1_500;

/** Most subflows of one uplink: CUBIC on 30 Mbit/s, 60 ms, 1 % loss gave 2.3 Mbit/s with one, 23 with twelve. */
export const MAX_SUBFLOWS_PER_UPLINK = 8;
/** An uplink that is busy is looked at this often to see how full and how queued it is, */
export const SUBFLOWS_SAMPLE_MS = 100;
/** and judged this often, by the last few spans together: 3 s, a handful of losses at 2 Mbit/s and 0.5 %. */
export const SUBFLOWS_REVIEW_MS = 500;
export const SUBFLOWS_REVIEW_SPANS = 6;
/** The first two spans with another number say nothing: slow start. Behind them two are enough if they show this many losses. */
export const SUBFLOWS_WARM_UP_SPANS = 2;
export const SUBFLOWS_CLEAR_LOSSES = 3;
/** From this share of segments on, loss and not the path bounds CUBIC on the paths of homes and radios. */
export const LOSSY_SHARE = 0.002;
/** The kernel's smoothed round trip time above QUEUE_FACTOR x its minimum + QUEUE_SLACK_MS: a queue stands, so the path is full. */
export const QUEUE_FACTOR = 1.5;
export const QUEUE_SLACK_MS = 10;
/** Twice the subflows must bring this much more rate, or the new ones go again: the loss is the path's own being full. */
export const SUBFLOWS_GAIN = 1.15;
/** A number that was too high is tried again after so long, doubled each time up to the maximum: chance may have judged. */
export const SUBFLOWS_HOLD_MS = 5_000;
export const MAX_SUBFLOWS_HOLD_MS = 60_000;
/** Half of them go after so long with a standing queue or hardly any loss, all but one after so long without use. */
export const SUBFLOWS_SURPLUS_MS = 10_000;
export const SUBFLOWS_IDLE_MS = 30_000;
/** The concentrator repeats its wish this often; the client forgets one that was not repeated for WISH_LIFETIME_MS. */
export const WISH_REPEAT_MS = 10_000;
export const WISH_LIFETIME_MS = 30_000;
/** A subflow that is no longer wanted closes after so long without payload from the far end (or twice its round trip), */
export const RETIRE_QUIET_MS = 200;
/** and at the latest after this: what is still under way is sent again elsewhere. */
export const RETIRE_MS = 10_000;

/** While there is bulk, this often is looked which uplink a stream stands still for, */
export const GUARD_SAMPLE_MS = 50;
/** and so long are the stretches that are judged: many round trips, so that bursts even out. */
export const GUARD_WINDOW_MS = 2_000;
export const GUARD_SPANS = 3;
/** In order must arrive at least this share of what the other uplinks deliver by themselves; their rates are known no better. */
export const GUARD_RATIO = 0.95;
/** An uplink is to blame for standing still only from this share of the time on; healthy ones come to 0 after their start. */
export const GUARD_HELD_SHARE = 0.1;
/** A trial without the uplink: a stretch for what had waited, and two that are judged. */
export const GUARD_TRIAL_SPANS = 3;
/** What the trial must bring: above the noise of six seconds, below the smallest harm that was to be found. */
export const GUARD_GAIN = 1.03;
/** An uplink that did harm is left out for so long, twice as long each time it does so again soon, up to the maximum. */
export const MIN_PARK_MS = 5_000;
export const MAX_PARK_MS = 60_000;
/** One that behaved for this long has its past forgiven. */
export const PARK_MEMORY_MS = 60_000;

/** A subflow that was doubted, and whose round trip is now above this multiple of what it was, and this more, is degraded. */
export const DEGRADED_RTT = 2;
export const DEGRADED_SLACK_MS = 50;
/** For so long after it came back; then the path is taken for another one, that is as it is. */
export const DEGRADED_MS = 60_000;
/** What was stuck tells the rate when it takes this long to arrive, several receipts. */
export const MIN_DRAIN_MS = 20;
/** Meanwhile it is asked this often how long its round trip is: once in each span of RECENT_RTT_BUCKET_MS. */
export const DEGRADED_PING_INTERVAL_MS = 250;

/** So many packets make one sample of the loss of an uplink: one lost is 1 %, */
export const LOSS_SPAN_PACKETS = 100;
/** and after so long with fewer the loss of the past counts half, so that an uplink without traffic is tried again. */
export const LOSS_FORGET_MS = 10_000;
/** Less is none: else halves would never come to it, and an uplink that may lose nothing would be left for good. */
export const NEGLIGIBLE_LOSS = 0.001;

/** Most addresses that a concentrator announces in a session, and that a client heeds: each may cost a dial on each uplink. */
export const MAX_ANNOUNCED_ADDRESSES = 8;

/** How much of an uplink is made use of is judged this often: long beside round trips, short beside the decision to dial. */
export const UTILIZATION_MS = 1_000;
/** The client is told of a change by so many percent, or when it comes to none or all. */
export const UTILIZATION_STEP = 10;
/** What is above none is said again this often; the client forgets what was not repeated for UTILIZATION_LIFETIME_MS. */
export const UTILIZATION_REPEAT_MS = 10_000;
export const UTILIZATION_LIFETIME_MS = 30_000;
