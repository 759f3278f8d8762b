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
 *   limit LINK DIR BYTES                         drops silently packets that are larger; 0: none
 *   pause LINK DIR NS                            serves nothing for that long; the queue fills meanwhile
 *   pauses LINK GAP_MIN GAP_MAX LEN_MIN LEN_MAX  ns; both directions pause again and again; all 0: no more
 *   holes LINK GAP_MIN GAP_MAX LEN_MIN LEN_MAX   the same, but drops silently what arrives or leaves meanwhile
 *   stats LINK DIR                               answers counters, see command_stats
 *
 * argv: a decimal seed for loss, jitter and pauses.
 */
#define _GNU_SOURCE
#include "direction.h"
#include "namespaces.h"
#include "random.h"
#include "tool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define MAX_LINKS 16
/* Under load, devices are looked at no more often than this, as by an interface with interrupt moderation: wake-ups are
 * most of the cost. */
#define MODERATION_NS 150000ull
/* Reads of one device before the others and the deliveries get their turn. */
#define READS_PER_TURN 32

struct link {
  char name[IFNAMSIZ];
  struct direction direction[2];
  uint64_t gap_min, gap_max, length_min, length_max, next_pause;
  bool pauses_drop;
  uint64_t random;
};

static struct link links[MAX_LINKS];
static int link_count;
static uint64_t seed;
static volatile sig_atomic_t stopping;

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

static void command_pauses(struct link *link, bool drops, const char *rest, uint64_t now) {
  uint64_t gap_min, gap_max, length_min, length_max;
  if (sscanf(rest, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &gap_min, &gap_max, &length_min, &length_max) != 4 ||
      gap_min > gap_max || length_min > length_max)
    return answer("error bad pauses: %s", rest);
  link->gap_min = gap_min;
  link->gap_max = gap_max;
  link->length_min = length_min;
  link->length_max = length_max;
  link->pauses_drop = drops;
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
  bool is_holes = strncmp(line, "holes ", 6) == 0;
  if (is_holes || strncmp(line, "pauses ", 7) == 0) {
    if (sscanf(line, "%15s %d %n", verb, &index, &at) != 2 || at == 0 || index < 0 || index >= link_count)
      return answer("error no such link: %s", line);
    return command_pauses(&links[index], is_holes, line + at, now);
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
  if (strcmp(verb, "limit") == 0) {
    d->packet_limit = (uint32_t)strtoul(rest, NULL, 10);
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

static void run_pauses(struct link *link, uint64_t now) {
  if (now < link->next_pause) return;
  uint64_t length = between(&link->random, link->length_min, link->length_max);
  for (int side = 0; side < 2; side++) {
    if (link->pauses_drop) link->direction[side].hole_until = now + length;
    else pause_direction(&link->direction[side], now, length);
  }
  link->next_pause = now + length + between(&link->random, link->gap_min, link->gap_max);
}

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
