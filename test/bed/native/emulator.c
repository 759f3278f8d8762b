/*
 * Emulates the links of a test bed between pairs of TUN devices, in user space, without netem.
 *
 *   client namespace          this process                       concentrator namespace
 *   TUN wifi  ── read ──►  loss ─► drop-tail queue ─► rate ─► delay, jitter  ── write ──►  TUN wifi
 *             ◄─ write ──  the same the other way                            ◄── read ──
 *
 * Each direction is a FIFO: a packet leaves when its last bit would (start = max(arrival, predecessor's end),
 * end = start + bits / rate) and arrives one propagation delay later. Sizes are those of IP packets.
 *
 * The devices take TSO super-packets of up to 64 KB from the stack, for a read() and a write() per MTU packet would
 * cost a core at 500 Mbit/s. Loss and queue still judge each MTU packet: a super-packet is cut into chunks of
 * whole segments that last at most QUANTUM_NS at the link's rate, and each chunk travels alone. A slow link thus
 * carries single packets, a fast one carries what a receiver's GRO would have made of them.
 *
 * Life cycle: control lines come on stdin and each gets one line of answer ("ok ..." or "error ..."). At the end of
 * stdin (the owner has closed it or died, however) or on SIGTERM, the processes in the bed's namespaces are killed,
 * the namespaces removed, and this process ends. Namespaces are named NAME_PREFIX<pid of this process>-<role>; those of
 * emulators that no longer live are removed at the start.
 *
 *   link NAME CLIENT_NETNS CONCENTRATOR_NETNS    creates the two devices; answers the link's index
 *   set LINK DIR RATE DELAY QUEUE LOSS JITTER REORDER   bit/s, ns, bytes, 0..1, ns, 0|1; DIR 0 up, 1 down
 *   hole LINK DIR 0|1                            drops silently whatever arrives at or leaves the direction
 *   pause LINK DIR NS                            serves nothing for that long; the queue fills meanwhile
 *   pauses LINK GAP_MIN GAP_MAX LEN_MIN LEN_MAX  ns; both directions pause again and again; all 0: no more
 *   stats LINK DIR                               answers counters, see command_stats
 *
 * argv: a decimal seed for loss, jitter and pauses.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define NAME_PREFIX "tbed-"
#define COMMAND_NAME "tbed-emulator" /* at most 15 characters; how a live owner is told from a reused pid */
#define NETNS_DIR "/run/netns"

#define MAX_LINKS 16
#define MAX_PACKET (65535 + 64)
#define VNET sizeof(struct virtio_net_hdr)
/* A chunk of a super-packet lasts at most this long: bounds both the timing error and the writes per second. */
#define QUANTUM_NS 300000ull
/* About what a wake-up is late by: timers are set this much early, and what is due this soon is delivered now. */
#define EARLY_NS 40000ull
/* Under load, devices are looked at no more often than this, as by an interface with interrupt moderation: wake-ups are
 * most of the cost. */
#define MODERATION_NS 150000ull
/* Reads of one device before the others and the deliveries get their turn. */
#define READS_PER_TURN 32
/* Jitter drifts from one random value to the next over at least this long. */
#define JITTER_STEP_NS 5000000ull
/* All packets held; beyond it they are dropped as by a full queue. */
#define MEMORY_LIMIT (512ull << 20)
#define NEVER UINT64_MAX

struct burst;

/* Consecutive segments of one super-packet (or a whole ordinary packet) that travel together. */
struct chunk {
  struct chunk *next;
  struct burst *burst;
  uint64_t arrival;
  uint64_t due;
  double bits_left; /* to be serialised */
  uint32_t bytes;   /* on the wire, headers of each segment included */
  uint16_t first;   /* segment */
  uint16_t count;   /* segments */
};

/* One packet as read from a device. */
struct burst {
  uint32_t references;
  uint32_t size; /* of this allocation */
  uint32_t length;
  uint32_t header; /* IP and TCP header bytes; 0: cannot be cut */
  uint32_t segment;
  uint32_t segments;
  struct virtio_net_hdr vnet;
  uint8_t *packet;
  struct chunk chunks[];
};

struct fifo {
  struct chunk *head, *tail;
};

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

  struct fifo queue, line; /* waiting to be serialised; on their way */
  uint64_t queued;         /* bytes in queue */
  uint64_t free_at;        /* when the transmitter is done with the last departed packet */
  uint64_t last_due;
  double drift_from, drift_to; /* jitter in ns at drift_start and drift_end */
  uint64_t drift_start, drift_end;
  uint64_t random;
  struct counters counters;
};

struct link {
  char name[IFNAMSIZ];
  struct direction direction[2];
  uint64_t gap_min, gap_max, length_min, length_max, next_pause;
  uint64_t random;
};

static struct link links[MAX_LINKS];
static int link_count;
static uint64_t memory_held;
static uint64_t seed;
static volatile sig_atomic_t stopping;

/* splitmix64, in 0..1 */
static double uniform(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static uint64_t between(uint64_t *state, uint64_t low, uint64_t high) {
  return low + (uint64_t)(uniform(state) * (double)(high - low));
}

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* ---- packets ---------------------------------------------------------------------------------------------- */

static void fifo_push(struct fifo *fifo, struct chunk *chunk) {
  chunk->next = NULL;
  if (fifo->tail) fifo->tail->next = chunk;
  else fifo->head = chunk;
  fifo->tail = chunk;
}

static struct chunk *fifo_pop(struct fifo *fifo) {
  struct chunk *chunk = fifo->head;
  fifo->head = chunk->next;
  if (!fifo->head) fifo->tail = NULL;
  return chunk;
}

/* In order of due; only jitter with reordering asks for it, so a scan from the head will do. */
static void fifo_insert(struct fifo *fifo, struct chunk *chunk) {
  if (!fifo->tail || fifo->tail->due <= chunk->due) {
    fifo_push(fifo, chunk);
    return;
  }
  struct chunk **at = &fifo->head;
  while ((*at)->due <= chunk->due) at = &(*at)->next;
  chunk->next = *at;
  *at = chunk;
}

static void burst_release(struct burst *burst) {
  if (--burst->references > 0) return;
  memory_held -= burst->size;
  free(burst);
}

static uint32_t wire_bytes(const struct burst *burst, uint32_t first, uint32_t count) {
  if (!burst->header) return burst->length;
  uint32_t start = first * burst->segment, end = (first + count) * burst->segment;
  uint32_t payload = burst->length - burst->header;
  if (end > payload) end = payload;
  return count * burst->header + end - start;
}

static uint32_t sum16(const uint8_t *bytes, size_t length, uint32_t sum) {
  for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  return sum;
}

static uint16_t fold(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

static void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

/* Cuts headers for the chunk's own super-packet: lengths, IPv4 id and checksum, TCP sequence number, flags and the
 * pseudo-header sum that stands in the checksum field of a packet whose checksum is still to be computed. */
static void chunk_header(const struct chunk *chunk, uint32_t payload, uint8_t *header, struct virtio_net_hdr *vnet) {
  const struct burst *burst = chunk->burst;
  uint32_t tcp_at = burst->vnet.csum_start;
  uint32_t tcp_length = burst->header - tcp_at + payload;
  uint8_t *tcp = header + tcp_at;
  uint32_t sequence, sum = 6 + tcp_length;

  *vnet = burst->vnet;
  if (chunk->count == 1) {
    vnet->gso_type = VIRTIO_NET_HDR_GSO_NONE;
    vnet->gso_size = 0;
  }
  memcpy(header, burst->packet, burst->header);
  if (header[0] >> 4 == 4) {
    put16(header + 2, tcp_at + tcp_length);
    put16(header + 4, get16(header + 4) + chunk->first);
    put16(header + 10, 0);
    put16(header + 10, (uint16_t)~fold(sum16(header, tcp_at, 0)));
    sum = sum16(header + 12, 8, sum);
  } else {
    put16(header + 4, tcp_at - 40 + tcp_length);
    sum = sum16(header + 8, 32, sum);
  }
  memcpy(&sequence, tcp + 4, 4);
  sequence = htonl(ntohl(sequence) + chunk->first * burst->segment);
  memcpy(tcp + 4, &sequence, 4);
  if (chunk->first > 0) tcp[13] &= (uint8_t)~0x80;                                /* CWR: the first segment's */
  if (chunk->first + chunk->count < burst->segments) tcp[13] &= (uint8_t)~0x09; /* FIN, PSH: the last one's */
  put16(tcp + 16, fold(sum));
}

static bool chunk_write(const struct chunk *chunk, int fd) {
  struct burst *burst = chunk->burst;
  struct iovec parts[3];
  if (chunk->count == burst->segments) {
    parts[0] = (struct iovec){&burst->vnet, VNET};
    parts[1] = (struct iovec){burst->packet, burst->length};
    return writev(fd, parts, 2) >= 0;
  }
  uint8_t header[256];
  struct virtio_net_hdr vnet;
  uint32_t payload = chunk->bytes - chunk->count * burst->header;
  chunk_header(chunk, payload, header, &vnet);
  parts[0] = (struct iovec){&vnet, VNET};
  parts[1] = (struct iovec){header, burst->header};
  parts[2] = (struct iovec){burst->packet + burst->header + chunk->first * burst->segment, payload};
  return writev(fd, parts, 3) >= 0;
}

/* ---- one direction of a link ------------------------------------------------------------------------------ */

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

/* Moves what has left the transmitter by now from the queue to the line. */
static void serialise(struct direction *d, uint64_t now) {
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

/* Before rate or pause change: credits the packet in service with the bits already sent. */
static void settle(struct direction *d, uint64_t now) {
  serialise(d, now);
  struct chunk *head = d->queue.head;
  if (!head) return;
  uint64_t start = later(head->arrival, d->free_at);
  if (start >= now) return;
  head->bits_left -= (double)(now - start) * d->bits_per_ns;
  if (head->bits_left < 0) head->bits_left = 0;
  d->free_at = now;
}

static void pause_direction(struct direction *d, uint64_t now, uint64_t length) {
  settle(d, now);
  d->free_at = later(d->free_at, now + length);
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
    if (d->hole) dropped = &c->lost_hole;
    else if (d->loss > 0 && uniform(&d->random) < d->loss) dropped = &c->lost_random;
    else if (d->queued > 0 && d->queued + bytes > d->queue_limit) dropped = &c->lost_queue;
    else if (memory_held > MEMORY_LIMIT) dropped = &c->lost_queue;
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

/* How the packet divides into segments; one that is not TSO's stays whole. */
static void measure_segments(struct burst *burst, const uint8_t *packet) {
  const struct virtio_net_hdr *v = &burst->vnet;
  burst->segments = 1;
  if (v->gso_type == VIRTIO_NET_HDR_GSO_NONE || v->gso_size == 0) return;
  if (!(v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || v->csum_start < 20 || v->csum_start + 20u > burst->length) return;
  uint32_t header = v->csum_start + (packet[v->csum_start + 12] >> 4) * 4u;
  if (header > 256 || header >= burst->length) return;
  burst->header = header;
  burst->segment = v->gso_size;
  burst->segments = (burst->length - header + v->gso_size - 1) / v->gso_size;
}

/* Answers false when the device has nothing more to read. */
static bool read_packet(struct direction *d, uint64_t now) {
  static uint8_t scratch[VNET + MAX_PACKET];
  ssize_t got = read(d->from, scratch, sizeof scratch);
  if (got <= (ssize_t)VNET) return false;
  struct burst shape = {.length = (uint32_t)((size_t)got - VNET)};
  memcpy(&shape.vnet, scratch, VNET);
  measure_segments(&shape, scratch + VNET);

  size_t chunks = shape.segments * sizeof(struct chunk);
  size_t size = sizeof(struct burst) + chunks + shape.length;
  struct burst *burst = malloc(size);
  if (!burst) return false;
  *burst = shape;
  burst->size = (uint32_t)size;
  burst->packet = (uint8_t *)burst + sizeof(struct burst) + chunks;
  memcpy(burst->packet, scratch + VNET, shape.length);
  memory_held += size;
  burst->references = 1;
  accept_burst(d, burst, now);
  burst_release(burst);
  return true;
}

static void deliver(struct direction *d, uint64_t now) {
  struct counters *c = &d->counters;
  serialise(d, now + EARLY_NS);
  while (d->line.head && d->line.head->due <= now + EARLY_NS) {
    struct chunk *chunk = fifo_pop(&d->line);
    uint64_t time = now_ns();
    uint64_t late = time > chunk->due ? time - chunk->due : 0;
    c->late_count++;
    c->late_sum += late;
    c->late_max = later(c->late_max, late);
    if (d->hole) {
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

/* When this direction next has something to deliver. Leaving the transmitter is no event of its own: it is worked out
 * when the packet arrives at the far end, or when the queue is looked at. */
static uint64_t next_delivery(const struct direction *d) {
  uint64_t next = d->line.head ? d->line.head->due : NEVER;
  if (!d->queue.head) return next;
  uint64_t shortest = d->delay > d->jitter ? d->delay - d->jitter : 0;
  return earlier(next, head_finish(d) + shortest);
}

static void run_pauses(struct link *link, uint64_t now) {
  if (now < link->next_pause) return;
  uint64_t length = between(&link->random, link->length_min, link->length_max);
  pause_direction(&link->direction[0], now, length);
  pause_direction(&link->direction[1], now, length);
  link->next_pause = now + length + between(&link->random, link->gap_min, link->gap_max);
}

/* ---- namespaces and devices ------------------------------------------------------------------------------- */

/* The process that owns the namespace of this name, 0 for a name that is not a bed's. */
static pid_t owner_of(const char *name) {
  if (strncmp(name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0) return 0;
  char *end;
  long pid = strtol(name + strlen(NAME_PREFIX), &end, 10);
  return pid > 1 && *end == '-' ? (pid_t)pid : 0;
}

static bool is_emulator(pid_t pid) {
  char path[64], name[32] = "", program[8];
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  if (readlink(path, program, sizeof program) < 0) return false; /* gone, or a zombie */
  snprintf(path, sizeof path, "/proc/%d/comm", pid);
  FILE *file = fopen(path, "re");
  if (!file) return false;
  bool same = fgets(name, sizeof name, file) && strcmp(name, COMMAND_NAME "\n") == 0;
  fclose(file);
  return same;
}

static void kill_inhabitants(const char *namespace_path) {
  struct stat wanted, found;
  if (stat(namespace_path, &wanted) != 0) return;
  DIR *processes = opendir("/proc");
  if (!processes) return;
  for (struct dirent *entry; (entry = readdir(processes));) {
    pid_t pid = (pid_t)atoi(entry->d_name);
    char path[300];
    if (pid <= 1 || pid == getpid()) continue;
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    if (stat(path, &found) == 0 && found.st_ino == wanted.st_ino && found.st_dev == wanted.st_dev)
      kill(pid, SIGKILL);
  }
  closedir(processes);
}

/* Removes this process's namespaces, or (mine false) those of owners that are gone. */
static void remove_namespaces(bool mine) {
  DIR *names = opendir(NETNS_DIR);
  if (!names) return;
  for (struct dirent *entry; (entry = readdir(names));) {
    pid_t owner = owner_of(entry->d_name);
    if (!owner || (owner == getpid() ? false : mine || is_emulator(owner))) continue;
    char path[300];
    snprintf(path, sizeof path, NETNS_DIR "/%s", entry->d_name);
    /* Twice: a process may have been born while the first round looked. */
    kill_inhabitants(path);
    kill_inhabitants(path);
    umount2(path, MNT_DETACH);
    unlink(path);
  }
  closedir(names);
}

static int open_device(const char *name, const char *namespace_name) {
  char path[300];
  snprintf(path, sizeof path, NETNS_DIR "/%s", namespace_name);
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  int away = open(path, O_RDONLY | O_CLOEXEC);
  int device = -1, failure = 0;
  struct ifreq request = {.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL)};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (home < 0 || away < 0 || setns(away, CLONE_NEWNET) != 0) {
    failure = errno;
  } else {
    device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device < 0 || ioctl(device, TUNSETIFF, &request) != 0 ||
        ioctl(device, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0) {
      failure = errno;
      if (device >= 0) close(device);
      device = -1;
    }
    if (setns(home, CLONE_NEWNET) != 0) abort();
  }
  if (home >= 0) close(home);
  if (away >= 0) close(away);
  errno = failure;
  return device;
}

/* ---- control ---------------------------------------------------------------------------------------------- */

static void answer(const char *format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  line[length] = '\n';
  if (write(STDOUT_FILENO, line, (size_t)length + 1) < 0) stopping = 1;
}

static void command_link(const char *line) {
  char name[IFNAMSIZ], client[128], concentrator[128];
  if (sscanf(line, "link %15s %127s %127s", name, client, concentrator) != 3) return answer("error bad link line");
  if (link_count == MAX_LINKS) return answer("error more than %d links", MAX_LINKS);
  int near = open_device(name, client);
  if (near < 0) return answer("error device %s in %s: %s", name, client, strerror(errno));
  int far = open_device(name, concentrator);
  if (far < 0) {
    answer("error device %s in %s: %s", name, concentrator, strerror(errno));
    close(near);
    return;
  }
  struct link *link = &links[link_count];
  memset(link, 0, sizeof *link);
  strcpy(link->name, name);
  link->next_pause = NEVER;
  link->random = seed + 1000003u * (uint64_t)link_count;
  for (int i = 0; i < 2; i++) {
    struct direction *d = &link->direction[i];
    d->from = i == 0 ? near : far;
    d->to = i == 0 ? far : near;
    d->bits_per_ns = 1;
    d->queue_limit = 1 << 20;
    d->random = link->random * 31 + (uint64_t)i + 1;
  }
  answer("ok %d", link_count++);
}

static void command_set(struct direction *d, const char *rest, uint64_t now) {
  double rate, loss;
  uint64_t delay, queue, jitter;
  int reorder;
  if (sscanf(rest, "%lf %" SCNu64 " %" SCNu64 " %lf %" SCNu64 " %d", &rate, &delay, &queue, &loss, &jitter, &reorder) != 6 ||
      rate < 1000 || loss < 0 || loss > 1)
    return answer("error bad settings: %s", rest);
  settle(d, now);
  d->bits_per_ns = rate / 1e9;
  d->delay = delay;
  d->queue_limit = queue;
  d->loss = loss;
  if (jitter != d->jitter) d->drift_end = 0;
  d->jitter = jitter;
  d->reorder = reorder != 0;
  answer("ok");
}

static void command_pauses(struct link *link, const char *rest, uint64_t now) {
  uint64_t gap_min, gap_max, length_min, length_max;
  if (sscanf(rest, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &gap_min, &gap_max, &length_min, &length_max) != 4 ||
      gap_min > gap_max || length_min > length_max)
    return answer("error bad pauses: %s", rest);
  link->gap_min = gap_min;
  link->gap_max = gap_max;
  link->length_min = length_min;
  link->length_max = length_max;
  link->next_pause = length_max == 0 ? NEVER : now + between(&link->random, gap_min, gap_max);
  answer("ok");
}

static void command_stats(struct direction *d, uint64_t now) {
  serialise(d, now);
  const struct counters *c = &d->counters;
  answer("ok %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
         " %" PRIu64 " %" PRIu64 " %" PRIu64,
         c->packets_in, c->bytes_in, c->packets_out, c->bytes_out, c->lost_queue, c->lost_random, c->lost_hole,
         c->lost_device, d->queued, c->queue_max, c->late_max, c->late_count ? c->late_sum / c->late_count : 0);
}

static void command(const char *line) {
  uint64_t now = now_ns();
  char verb[16];
  int index = -1, side = 0, at = 0;
  if (strncmp(line, "link ", 5) == 0) return command_link(line);
  if (strncmp(line, "pauses ", 7) == 0) {
    if (sscanf(line, "pauses %d %n", &index, &at) != 1 || at == 0 || index < 0 || index >= link_count)
      return answer("error no such link: %s", line);
    return command_pauses(&links[index], line + at, now);
  }
  if (sscanf(line, "%15s %d %d%n", verb, &index, &side, &at) != 3 || index < 0 || index >= link_count || side < 0 || side > 1)
    return answer("error no such command, link or direction: %s", line);
  struct direction *d = &links[index].direction[side];
  const char *rest = line + at;
  if (strcmp(verb, "set") == 0) return command_set(d, rest, now);
  if (strcmp(verb, "stats") == 0) return command_stats(d, now);
  if (strcmp(verb, "hole") == 0) {
    d->hole = atoi(rest) != 0;
    return answer("ok");
  }
  if (strcmp(verb, "pause") == 0) {
    pause_direction(d, now, strtoull(rest, NULL, 10));
    return answer("ok");
  }
  answer("error no such command: %s", line);
}

/* Reads control lines; the end of stdin ends the process. */
static void read_commands(void) {
  static char buffer[4096];
  static size_t held;
  ssize_t got = read(STDIN_FILENO, buffer + held, sizeof buffer - 1 - held);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    stopping = 1;
    return;
  }
  held += (size_t)got;
  buffer[held] = 0;
  char *line = buffer;
  for (char *end; (end = strchr(line, '\n')); line = end + 1) {
    *end = 0;
    command(line);
  }
  held = (size_t)(buffer + held - line);
  memmove(buffer, line, held);
  if (held == sizeof buffer - 1) {
    held = 0;
    answer("error line too long");
  }
}

/* ---- the loop --------------------------------------------------------------------------------------------- */

static uint64_t next_event(void) {
  uint64_t next = NEVER;
  for (int i = 0; i < link_count; i++) {
    next = earlier(next, links[i].next_pause);
    for (int side = 0; side < 2; side++) next = earlier(next, next_delivery(&links[i].direction[side]));
  }
  return next;
}

static void turn(struct pollfd *fds, const sigset_t *mask) {
  int count = 1;
  fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
  for (int i = 0; i < link_count; i++)
    for (int side = 0; side < 2; side++)
      fds[count++] = (struct pollfd){.fd = links[i].direction[side].from, .events = POLLIN};

  static uint64_t last, before;
  uint64_t next = next_event(), now = now_ns();
  if (last - before < 2 * MODERATION_NS && now < last + MODERATION_NS) {
    sleep_until(last + MODERATION_NS);
    now = now_ns();
  }
  uint64_t wait = next == NEVER ? 3600 * SECOND_NS : next > now + EARLY_NS ? next - EARLY_NS - now : 0;
  struct timespec timeout = timespec_of(wait);
  int ready = ppoll(fds, (nfds_t)count, &timeout, mask);
  now = now_ns();
  before = last;
  last = now;

  for (int i = 0; i < link_count; i++) run_pauses(&links[i], now);
  if (ready > 0) {
    for (int at = 1; at < count; at++)
      if (fds[at].revents & POLLIN) {
        struct direction *d = &links[(at - 1) / 2].direction[(at - 1) % 2];
        for (int reads = 0; reads < READS_PER_TURN && read_packet(d, now); reads++) {
        }
      }
    if (fds[0].revents) read_commands();
  }
  for (int i = 0; i < link_count; i++)
    for (int side = 0; side < 2; side++) deliver(&links[i].direction[side], now);
}

static void on_terminate(int signal_number) {
  (void)signal_number;
  stopping = 1;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: emulator SEED\n");
    return 2;
  }
  seed = strtoull(argv[1], NULL, 10);
  prctl(PR_SET_NAME, COMMAND_NAME);
  /* Interrupting the owner's terminal must not end this process before it has cleaned up. */
  signal(SIGINT, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  sigset_t blocked, open;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &open);
  signal(SIGTERM, on_terminate);

  /* Ahead of the programs under test, or their CPU time would show as delay of the network. */
  struct sched_param priority = {.sched_priority = 10};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0) setpriority(PRIO_PROCESS, 0, -20);
  prctl(PR_SET_TIMERSLACK, 1);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);

  remove_namespaces(false);
  answer("ok ready");
  struct pollfd fds[1 + 2 * MAX_LINKS];
  while (!stopping) turn(fds, &open);
  remove_namespaces(true);
  return 0;
}
