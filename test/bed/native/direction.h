/* One direction of a link: loss, drop-tail queue, rate, delay, jitter. Times are those of now_ns. */
#pragma once

#include "packet.h"

#define NEVER UINT64_MAX
/* About as late as a wake-up is: timers are set this much early, and what is due this soon is delivered now. */
#define EARLY_NS 40000ull

struct counters {
  uint64_t packets_in, bytes_in, packets_out, bytes_out;
  uint64_t lost_queue, lost_random, lost_hole, lost_device;
  uint64_t queue_max;
  uint64_t late_max, late_sum, late_count;
};

struct direction {
  int from, to; /* device descriptors */
  double bits_per_ns;
  uint64_t delay, jitter, queue_limit;
  double loss;
  bool reorder, hole;
  uint32_t packet_limit; /* larger packets vanish, as behind a router that must not fragment and says nothing; 0: none */
  uint64_t hole_until;

  struct fifo queue, line; /* waiting to be serialised; on their way */
  uint64_t queued;         /* bytes in queue */
  uint64_t free_at;        /* when the transmitter is done with the last departed packet */
  uint64_t last_due;
  double drift_from, drift_to; /* jitter in ns at drift_start and drift_end */
  uint64_t drift_start, drift_end;
  uint64_t random;
  struct counters counters;
};

/* Reads one packet and judges its segments; false when the device has nothing to read. */
bool read_packet(struct direction *d, uint64_t now);

/* Writes what has arrived at the far end by now. */
void deliver(struct direction *d, uint64_t now);

/* When there is next something to deliver; NEVER if nothing is under way. */
uint64_t next_delivery(const struct direction *d);

/* Serves nothing for `length` ns; the queue fills meanwhile. */
void pause_direction(struct direction *d, uint64_t now, uint64_t length);

/* Moves what has left the transmitter by now from the queue to the line. */
void serialise(struct direction *d, uint64_t now);

/* To be called before the rate changes: credits the packet in service with the bits that were sent at the old rate. */
void settle(struct direction *d, uint64_t now);
