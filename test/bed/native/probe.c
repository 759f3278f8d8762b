/*
 * Measures a path of the test bed with as little disturbance as a C program can: rates, round trips, one-way delays, loss.
 * Both ends run on one machine, so one clock serves both and one-way delays are exact.
 *
 *   probe tcp-sink PORT WARMUP_MS MEASURE_MS    prints "ready", takes one connection, discards what it carries; then prints
 *                                               "bytes N ns N" for the measured time after the warm-up
 *   probe tcp-send ADDRESS PORT LIMIT_MS        sends until the sink closes or the limit is reached
 *   probe udp-sink PORT LIMIT_MS                prints "ready"; from the first datagram on until the silence after the last;
 *                                               then "received N ns N bytes N reordered N delay MIN P90" (delays in ns)
 *   probe udp-send ADDRESS PORT BITS_PER_SECOND MS    MTU-sized datagrams at an even pace; prints "sent N"
 *   probe udp-echo PORT LIMIT_MS                prints "ready", sends datagrams back
 *   probe udp-ping ADDRESS PORT COUNT GAP_MS    prints "received N rtt MIN MEDIAN MEAN MAX DEVIATION" (ns)
 */
#define _GNU_SOURCE
#include "tool.h"

#include <math.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>

/* With its IPv4 and UDP headers a packet of 1500 bytes. */
#define DATAGRAM 1472
#define SILENCE_MS 400
#define PING_WAIT_MS 1200
/* As many delays are kept. */
#define MAX_DELAYS 1000000
/* The sender sleeps when it is this far ahead. */
#define PACE_NS 200000ll

struct stamp {
  uint64_t sequence;
  uint64_t sent;
};

static char buffer[1 << 18];

static bool readable(int fd, int ms) {
  struct pollfd one = {.fd = fd, .events = POLLIN};
  return poll(&one, 1, ms) > 0;
}

static int connection_to(int type, const char *address, const char *port) {
  int fd = open_connection(type, address, atoi(port), 0);
  if (fd < 0) fail("connect");
  return fd;
}

static int tcp_sink(const char *port, uint64_t warmup, uint64_t measure) {
  int listener = open_port(SOCK_STREAM, atoi(port), 1);
  if (!readable(listener, 10000)) fail("no connection");
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) fail("accept");
  uint64_t from = now_ns() + warmup, until = from + measure, first = 0, last = 0, bytes = 0, now;
  while ((now = now_ns()) < until) {
    if (!readable(fd, (int)((until - now) / MS_NS) + 1)) continue;
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    now = now_ns();
    if (now < from) continue;
    if (first == 0) first = now;
    else bytes += (uint64_t)got;
    last = now;
  }
  printf("bytes %llu ns %llu\n", (unsigned long long)bytes, (unsigned long long)(last - first));
  return 0;
}

static int tcp_send(const char *address, const char *port, uint64_t limit) {
  int fd = connection_to(SOCK_STREAM, address, port);
  uint64_t until = now_ns() + limit;
  while (now_ns() < until) {
    struct pollfd one = {.fd = fd, .events = POLLOUT};
    if (poll(&one, 1, 100) > 0 && send(fd, buffer, sizeof buffer, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN) break;
  }
  return 0;
}

static int udp_sink(const char *port, uint64_t limit) {
  int fd = open_port(SOCK_DGRAM, atoi(port), 0);
  uint64_t until = now_ns() + limit, first = 0, last = 0, received = 0, bytes = 0, reordered = 0, next = 0;
  uint64_t *delays = calloc(MAX_DELAYS, sizeof *delays);
  if (!delays) fail("memory");
  while (now_ns() < until && readable(fd, received ? SILENCE_MS : (int)(limit / MS_NS))) {
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    uint64_t now = now_ns();
    if (got < (ssize_t)sizeof(struct stamp)) continue;
    struct stamp stamp;
    memcpy(&stamp, buffer, sizeof stamp);
    if (stamp.sequence < next) reordered++;
    else next = stamp.sequence + 1;
    if (received < MAX_DELAYS) delays[received] = now - stamp.sent;
    if (received++ == 0) first = now;
    else bytes += (uint64_t)got + 28;
    last = now;
  }
  uint64_t kept = received < MAX_DELAYS ? received : MAX_DELAYS;
  qsort(delays, kept, sizeof *delays, by_size);
  printf("received %llu ns %llu bytes %llu reordered %llu delay %llu %llu\n", (unsigned long long)received,
         (unsigned long long)(last - first), (unsigned long long)bytes, (unsigned long long)reordered,
         (unsigned long long)delays[0], (unsigned long long)delays[kept * 9 / 10]);
  free(delays);
  return 0;
}

static int udp_send(const char *address, const char *port, double rate, uint64_t duration) {
  int fd = connection_to(SOCK_DGRAM, address, port);
  double gap = (DATAGRAM + 28) * 8e9 / rate;
  uint64_t start = now_ns(), sent = 0;
  while ((double)sent * gap < (double)duration) {
    uint64_t when = start + (uint64_t)((double)sent * gap), now = now_ns();
    if ((int64_t)(when - now) > PACE_NS) sleep_until(when);
    struct stamp stamp = {.sequence = sent, .sent = now_ns()};
    memcpy(buffer, &stamp, sizeof stamp);
    if (send(fd, buffer, DATAGRAM, 0) < 0 && errno != ENOBUFS && errno != ECONNREFUSED) fail("send");
    sent++;
  }
  printf("sent %llu\n", (unsigned long long)sent);
  return 0;
}

static int udp_echo(const char *port, uint64_t limit) {
  int fd = open_port(SOCK_DGRAM, atoi(port), 0);
  uint64_t until = now_ns() + limit;
  while (now_ns() < until) {
    if (!readable(fd, 100)) continue;
    struct sockaddr_in6 peer;
    socklen_t size = sizeof peer;
    ssize_t got = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &size);
    if (got > 0) sendto(fd, buffer, (size_t)got, 0, (struct sockaddr *)&peer, size);
  }
  return 0;
}

static int udp_ping(const char *address, const char *port, uint64_t count, uint64_t gap) {
  int fd = connection_to(SOCK_DGRAM, address, port);
  if (count < 1 || count > 100000) fail("count");
  uint64_t *rtts = calloc(count + 1, sizeof *rtts);
  if (!rtts) fail("memory");
  uint64_t start = now_ns(), sent = 0, received = 0;
  double sum = 0, squares = 0;
  uint64_t end = start + count * gap + PING_WAIT_MS * MS_NS;
  for (uint64_t now; (now = now_ns()) < end && received < count;) {
    uint64_t due = sent < count ? start + sent * gap : end;
    if (now >= due) {
      struct stamp stamp = {.sequence = sent++, .sent = now_ns()};
      if (send(fd, &stamp, sizeof stamp, 0) < 0 && errno != ECONNREFUSED && errno != ENETUNREACH) fail("send");
      continue;
    }
    struct pollfd one = {.fd = fd, .events = POLLIN};
    struct timespec wait = timespec_of(due - now);
    if (ppoll(&one, 1, &wait, NULL) <= 0) continue;
    struct stamp stamp;
    if (recv(fd, &stamp, sizeof stamp, MSG_DONTWAIT) != (ssize_t)sizeof stamp) continue;
    uint64_t rtt = now_ns() - stamp.sent;
    rtts[received++] = rtt;
    sum += (double)rtt;
    squares += (double)rtt * (double)rtt;
  }
  double n = received ? (double)received : 1, mean = sum / n, variance = squares / n - mean * mean;
  qsort(rtts, received, sizeof *rtts, by_size);
  uint64_t last = received ? received - 1 : 0;
  printf("received %llu rtt %llu %llu %.0f %llu %.0f\n", (unsigned long long)received, (unsigned long long)rtts[0],
         (unsigned long long)rtts[received / 2], mean, (unsigned long long)rtts[last],
         variance > 0 ? sqrt(variance) : 0);
  free(rtts);
  return 0;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  prctl(PR_SET_TIMERSLACK, 1);
  /* What is measured is the path, not how busy the machine is; bulk TCP is left at the priority programs have. */
  struct sched_param priority = {.sched_priority = 5};
  if (strncmp(mode, "udp", 3) == 0) sched_setscheduler(0, SCHED_FIFO, &priority);
  if (argc == 5 && strcmp(mode, "tcp-sink") == 0)
    return tcp_sink(argv[2], strtoull(argv[3], NULL, 10) * MS_NS, strtoull(argv[4], NULL, 10) * MS_NS);
  if (argc == 5 && strcmp(mode, "tcp-send") == 0) return tcp_send(argv[2], argv[3], strtoull(argv[4], NULL, 10) * MS_NS);
  if (argc == 4 && strcmp(mode, "udp-sink") == 0) return udp_sink(argv[2], strtoull(argv[3], NULL, 10) * MS_NS);
  if (argc == 6 && strcmp(mode, "udp-send") == 0)
    return udp_send(argv[2], argv[3], strtod(argv[4], NULL), strtoull(argv[5], NULL, 10) * MS_NS);
  if (argc == 4 && strcmp(mode, "udp-echo") == 0) return udp_echo(argv[2], strtoull(argv[3], NULL, 10) * MS_NS);
  if (argc == 6 && strcmp(mode, "udp-ping") == 0)
    return udp_ping(argv[2], argv[3], strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10) * MS_NS);
  fprintf(stderr, "usage: see the head of probe.c\n");
  return 2;
}
