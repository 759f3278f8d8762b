#include "direction.h"

#include "random.h"
#include "tool.h"

/* A chunk of a super-packet lasts at most this long: bounds both the timing error and the writes per second. */
#define QUANTUM_NS 300000ull
/* Jitter drifts from one random value to the next over at least this long. */
#define JITTER_STEP_NS 5000000ull
/* All packets held; beyond it they are dropped as by a full queue. */
#define MEMORY_LIMIT (512ull << 20)

/* Extra delay, -jitter..+jitter. In order: a drift whose slope never exceeds 1, so that packets bunch and spread but do
 * not overtake. Reordering: each packet draws its own. */
static double jitter_at(struct direction *d, uint64_t time) {
  if (!d->jitter) return 0;
  double jitter = (double)d->jitter;
  if (d->reorder) return (2 * uniform(&d->random) - 1) * jitter;
  uint64_t step = later(JITTER_STEP_NS, 2 * d->jitter);
  if (time >= d->drift_end) {
    bool stale = time >= d->drift_end + step;
    d->drift_from = stale ? (2 * uniform(&d->random) - 1) * jitter : d->drift_to;
    d->drift_start = stale ? time : d->drift_end;
    d->drift_to = (2 * uniform(&d->random) - 1) * jitter;
    d->drift_end = d->drift_start + step;
  }
  double part = (double)(time - d->drift_start) / (double)(d->drift_end - d->drift_start);
  return d->drift_from + (d->drift_to - d->drift_from) * part;
}

static uint64_t head_finish(const struct direction *d) {
  const struct chunk *head = d->queue.head;
  return later(head->arrival, d->free_at) + (uint64_t)(head->bits_left / d->bits_per_ns);
}

void serialise(struct direction *d, uint64_t now) {
  while (d->queue.head) {
    uint64_t finish = head_finish(d);
    if (finish > now) return;
    struct chunk *chunk = fifo_pop(&d->queue);
    d->queued -= chunk->bytes;
    d->free_at = finish;
    double due = (double)d->delay + jitter_at(d, finish);
    chunk->due = finish + (due > 0 ? (uint64_t)due : 0);
    if (d->reorder) {
      fifo_insert(&d->line, chunk);
    } else {
      chunk->due = d->last_due = later(chunk->due, d->last_due);
      fifo_push(&d->line, chunk);
    }
  }
}

void settle(struct direction *d, uint64_t now) {
  serialise(d, now);
  struct chunk *head = d->queue.head;
  if (!head) return;
  uint64_t start = later(head->arrival, d->free_at);
  if (start >= now) return;
  head->bits_left -= (double)(now - start) * d->bits_per_ns;
  if (head->bits_left < 0) head->bits_left = 0;
  d->free_at = now;
}

void pause_direction(struct direction *d, uint64_t now, uint64_t length) {
  settle(d, now);
  d->free_at = later(d->free_at, now + length);
}

static bool drops(const struct direction *d, uint64_t now) {
  return d->hole || now < d->hole_until;
}

/* Judges each segment of what was read, and queues the survivors in chunks. */
static void accept_burst(struct direction *d, struct burst *burst, uint64_t now) {
  struct counters *c = &d->counters;
  uint32_t full = wire_bytes(burst, 0, 1);
  uint32_t most = (uint32_t)((double)QUANTUM_NS * d->bits_per_ns / 8 / full);
  if (most < 1) most = 1;
  struct chunk *open = NULL;
  uint32_t used = 0;

  serialise(d, now);
  for (uint32_t i = 0; i < burst->segments; i++) {
    uint32_t bytes = wire_bytes(burst, i, 1);
    c->packets_in++;
    c->bytes_in += bytes;
    uint64_t *dropped = NULL;
    if (drops(d, now) || (d->packet_limit && bytes > d->packet_limit)) dropped = &c->lost_hole;
    else if (d->loss > 0 && uniform(&d->random) < d->loss) dropped = &c->lost_random;
    else if (d->queued > 0 && d->queued + bytes > d->queue_limit) dropped = &c->lost_queue;
    else if (burst_memory() > MEMORY_LIMIT) dropped = &c->lost_queue;
    if (dropped) {
      (*dropped)++;
      open = NULL;
      continue;
    }
    d->queued += bytes;
    if (!open || open->count >= most) {
      open = &burst->chunks[used++];
      *open = (struct chunk){.burst = burst, .arrival = now, .first = (uint16_t)i};
      burst->references++;
      fifo_push(&d->queue, open);
    }
    open->count++;
    open->bytes += bytes;
    open->bits_left += bytes * 8.0;
  }
  if (d->queued > c->queue_max) c->queue_max = d->queued;
}

bool read_packet(struct direction *d, uint64_t now) {
  struct burst *burst = burst_read(d->from);
  if (!burst) return false;
  accept_burst(d, burst, now);
  burst_release(burst);
  return true;
}

void deliver(struct direction *d, uint64_t now) {
  struct counters *c = &d->counters;
  serialise(d, now + EARLY_NS);
  while (d->line.head && d->line.head->due <= now + EARLY_NS) {
    struct chunk *chunk = fifo_pop(&d->line);
    uint64_t time = now_ns();
    uint64_t late = time > chunk->due ? time - chunk->due : 0;
    c->late_count++;
    c->late_sum += late;
    c->late_max = later(c->late_max, late);
    if (drops(d, time)) {
      c->lost_hole += chunk->count;
    } else if (chunk_write(chunk, d->to)) {
      c->packets_out += chunk->count;
      c->bytes_out += chunk->bytes;
    } else {
      c->lost_device += chunk->count; /* the interface is down */
    }
    burst_release(chunk->burst);
  }
}

/* Leaving the transmitter is no event of its own: it is worked out when the packet arrives at the far end, or when the
 * queue is looked at. */
uint64_t next_delivery(const struct direction *d) {
  uint64_t next = d->line.head ? d->line.head->due : NEVER;
  if (!d->queue.head) return next;
  uint64_t shortest = d->delay > d->jitter ? d->delay - d->jitter : 0;
  return earlier(next, head_finish(d) + shortest);
}
