/*
 * Load for the measurements on loopback, in C so that it takes little of what is measured.
 *
 *   load source PORT                                serves until it is killed; a connection sends "N\n" and gets N bytes of the
 *                                                   pattern and the end. Prints "ready".
 *   load pull PORT SOCKS BYTES RATE ADDRESS         one download; prints "ns N" from connecting to the last byte
 *   load opens PORT SOCKS LANES MS ADDRESS          as many small downloads as will go, so many at a time; prints "count N ns N"
 *   load paced PORT SOCKS PER_SECOND MS ADDRESS     small downloads begun at even times, however late the last ones are;
 *                                                   prints "count N failed N p50 N p99 N", ns from when each was due to its first byte
 *   load page PORT SOCKS OBJECTS TIMES ADDRESS      so many small downloads begun at once, so many times;
 *                                                   prints "failed N p50 N", ns until all of them were complete
 *
 * SOCKS is the port of a SOCKS5 proxy on 127.0.0.1, "http:PORT" for a tunnel by HTTP CONNECT, or 0: straight to ADDRESS:PORT. RATE is what the reader takes in bytes/s, 0 all.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define PIECE (256 << 10)
/* Prime: no power-of-two shift or swap of pieces goes unnoticed. */
#define PERIOD 1048573
/* Compared of each read: what is wrong is wrong from its first byte on. */
#define COMPARED 64
#define SMALL 100
/* Small downloads waiting at one time when they are paced. */
#define PACED_LANES 256
/* Connections served at one time, the others wait: threads that are there already, since making one for each would be a cost of its own. */
#define SERVERS (2 * PACED_LANES)
#define MAX_TIMES 1000000
/* Between pages: what the last one has left behind is over. */
#define PAGE_PAUSE_NS (100 * MS_NS)
#define TIMEOUT_S 10
#define PROXY_ADDRESS "127.0.0.1"
#define BACKLOG 4096

struct target {
  const char *address;
  int port, proxy;
  bool by_http;
};

static unsigned char pattern[PERIOD + PIECE];
static struct target target;
static atomic_ulong next_ticket, done_count, failed_count;
static uint64_t start_ns, end_ns, gap_ns;
static uint64_t *times;
static pthread_barrier_t page_begins, page_ends;
static uint64_t pages;

static void make_pattern(void) {
  uint32_t state = 0x9e3779b9;
  for (int i = 0; i < PERIOD; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    pattern[i] = (unsigned char)state;
  }
  memcpy(pattern + PERIOD, pattern, PIECE);
}

static bool send_all(int fd, const void *bytes, size_t length) {
  return send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static bool read_exactly(int fd, void *into, size_t length) {
  return recv(fd, into, length, MSG_WAITALL) == (ssize_t)length;
}

/* Asks the HTTP proxy at the other end for a tunnel to the target. */
static bool ask_http(int fd) {
  char text[128];
  int length = snprintf(text, sizeof text, "CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n\r\n", target.address, target.port,
                        target.address, target.port);
  size_t got = 0;
  if (length >= (int)sizeof text || !send_all(fd, text, (size_t)length)) return false;
  /* Byte by byte: what comes behind the head is the target's. */
  while (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4) != 0)
    if (got == sizeof text || recv(fd, text + got++, 1, 0) != 1) return false;
  return memcmp(text, "HTTP/1.1 200", 12) == 0;
}

/* Asks the SOCKS5 proxy at the other end for a connection to the target. */
static bool ask_socks(int fd) {
  unsigned char reply[10], request[10] = {5, 1, 0, 1};
  uint16_t port = htons((uint16_t)target.port);
  if (inet_pton(AF_INET, target.address, request + 4) != 1) return false;
  memcpy(request + 8, &port, 2);
  if (!send_all(fd, "\5\1", 3) || !read_exactly(fd, reply, 2) || reply[1] != 0) return false;
  return send_all(fd, request, sizeof request) && read_exactly(fd, reply, sizeof reply) && reply[1] == 0;
}

/* A connection to the target, -1 when there is none. */
static int open_target(void) {
  const char *first = target.proxy ? PROXY_ADDRESS : target.address;
  int fd = open_connection(SOCK_STREAM, first, target.proxy ? target.proxy : target.port, TIMEOUT_S);
  if (fd < 0 || !target.proxy || (target.by_http ? ask_http(fd) : ask_socks(fd))) return fd;
  close(fd);
  return -1;
}

static bool ask(int fd, uint64_t bytes) {
  char line[32];
  return send_all(fd, line, (size_t)snprintf(line, sizeof line, "%llu\n", (unsigned long long)bytes));
}

static void serve(int fd) {
  char line[32];
  size_t length = 0;
  while (length < sizeof line - 1) {
    ssize_t got = recv(fd, line + length, sizeof line - 1 - length, 0);
    if (got <= 0) goto done;
    length += (size_t)got;
    if (memchr(line, '\n', length)) break;
  }
  line[length] = 0;
  for (uint64_t sent = 0, all = strtoull(line, NULL, 10); sent < all;) {
    size_t piece = all - sent < PIECE ? (size_t)(all - sent) : PIECE;
    ssize_t put = send(fd, pattern + sent % PERIOD, piece, MSG_NOSIGNAL);
    if (put <= 0) goto done;
    sent += (uint64_t)put;
  }
  shutdown(fd, SHUT_WR);
  /* Who asked closes first: its address, not the server's, waits out the last packets. */
  while (recv(fd, line, sizeof line, 0) > 0) continue;
done:
  close(fd);
}

static _Noreturn void *server(void *argument) {
  for (;;) {
    int fd = accept((int)(intptr_t)argument, NULL, NULL);
    if (fd >= 0) serve(fd);
  }
}

static _Noreturn void source(int port) {
  int listener = open_port(SOCK_STREAM, port, BACKLOG);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 << 10);
  for (int i = 0; i < SERVERS; i++) {
    pthread_t thread;
    if (pthread_create(&thread, &small, server, (void *)(intptr_t)listener) != 0) fail("thread");
  }
  for (;;) pause();
}

static int pull(uint64_t bytes, uint64_t rate) {
  static unsigned char buffer[PIECE];
  uint64_t start = now_ns(), got = 0;
  int fd = open_target();
  if (fd < 0 || !ask(fd, bytes)) fail("open");
  while (got < bytes) {
    ssize_t piece = recv(fd, buffer, sizeof buffer, 0);
    if (piece <= 0) fail("ended early");
    size_t compared = piece < COMPARED ? (size_t)piece : COMPARED;
    if (memcmp(buffer, pattern + got % PERIOD, compared) != 0) {
      errno = EBADMSG;
      fail("wrong bytes");
    }
    got += (uint64_t)piece;
    if (rate) sleep_until(start + (uint64_t)((double)got / (double)rate * SECOND_NS));
  }
  printf("ns %llu\n", (unsigned long long)(now_ns() - start));
  close(fd);
  return 0;
}

/* Time of the first byte, or 0 when it fails. */
static uint64_t small_download(void) {
  unsigned char buffer[SMALL + 1];
  uint64_t first = 0;
  size_t got = 0;
  int fd = open_target();
  if (fd < 0) return 0;
  if (ask(fd, SMALL)) {
    for (ssize_t piece; (piece = recv(fd, buffer + got, sizeof buffer - got, 0)) > 0; got += (size_t)piece)
      if (!first) first = now_ns();
  }
  close(fd);
  return got == SMALL && memcmp(buffer, pattern, SMALL) == 0 ? first : 0;
}

static void *open_lane(void *unused) {
  while (now_ns() < end_ns) {
    if (small_download()) done_count++;
    else failed_count++;
  }
  return unused;
}

static void *paced_lane(void *unused) {
  for (;;) {
    uint64_t ticket = next_ticket++, due = start_ns + ticket * gap_ns;
    if (due >= end_ns || ticket >= MAX_TIMES) return unused;
    sleep_until(due);
    uint64_t first = small_download();
    if (first) times[done_count++] = first - due;
    else failed_count++;
  }
}

static void run_lanes(int lanes, void *(*lane)(void *), uint64_t ms) {
  pthread_t threads[PACED_LANES];
  if (lanes < 1 || lanes > PACED_LANES) fail("lanes");
  start_ns = now_ns();
  end_ns = start_ns + ms * MS_NS;
  for (int i = 0; i < lanes; i++)
    if (pthread_create(&threads[i], NULL, lane, NULL) != 0) fail("thread");
  for (int i = 0; i < lanes; i++) pthread_join(threads[i], NULL);
}

static int opens(int lanes, uint64_t ms) {
  run_lanes(lanes, open_lane, ms);
  printf("count %lu failed %lu ns %llu\n", done_count, failed_count, (unsigned long long)(now_ns() - start_ns));
  return 0;
}

static int paced(uint64_t per_second, uint64_t ms) {
  times = calloc(MAX_TIMES, sizeof *times);
  if (!times || per_second == 0) fail("memory");
  gap_ns = SECOND_NS / per_second;
  run_lanes(PACED_LANES, paced_lane, ms);
  qsort(times, done_count, sizeof *times, by_size);
  printf("count %lu failed %lu p50 %llu p99 %llu\n", done_count, failed_count,
         (unsigned long long)times[done_count / 2], (unsigned long long)times[done_count * 99 / 100]);
  return 0;
}

static void *page_lane(void *unused) {
  for (uint64_t i = 0; i < pages; i++) {
    pthread_barrier_wait(&page_begins);
    if (!small_download()) failed_count++;
    pthread_barrier_wait(&page_ends);
  }
  return unused;
}

static int page(int objects, uint64_t repeats) {
  pthread_t threads[PACED_LANES];
  if (objects < 1 || objects > PACED_LANES || repeats < 1 || repeats > MAX_TIMES) fail("page");
  times = calloc(repeats, sizeof *times);
  if (!times) fail("memory");
  pages = repeats;
  pthread_barrier_init(&page_begins, NULL, (unsigned)objects + 1);
  pthread_barrier_init(&page_ends, NULL, (unsigned)objects + 1);
  for (int i = 0; i < objects; i++)
    if (pthread_create(&threads[i], NULL, page_lane, NULL) != 0) fail("thread");
  for (uint64_t i = 0; i < repeats; i++) {
    sleep_until(now_ns() + PAGE_PAUSE_NS);
    uint64_t start = now_ns();
    pthread_barrier_wait(&page_begins);
    pthread_barrier_wait(&page_ends);
    times[i] = now_ns() - start;
  }
  for (int i = 0; i < objects; i++) pthread_join(threads[i], NULL);
  qsort(times, repeats, sizeof *times, by_size);
  printf("failed %lu p50 %llu\n", failed_count, (unsigned long long)times[repeats / 2]);
  return 0;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  make_pattern();
  if (argc == 3 && strcmp(argv[1], "source") == 0) source(atoi(argv[2]));
  if (argc == 7) {
    uint64_t first = strtoull(argv[4], NULL, 10), second = strtoull(argv[5], NULL, 10);
    bool by_http = strncmp(argv[3], "http:", 5) == 0;
    int proxy = atoi(argv[3] + (by_http ? 5 : 0));
    target = (struct target){.address = argv[6], .port = atoi(argv[2]), .proxy = proxy, .by_http = by_http};
    if (strcmp(argv[1], "pull") == 0) return pull(first, second);
    if (strcmp(argv[1], "opens") == 0) return opens((int)first, second);
    if (strcmp(argv[1], "paced") == 0) return paced(first, second);
    if (strcmp(argv[1], "page") == 0) return page((int)first, second);
  }
  fprintf(stderr, "usage: see the head of load.c\n");
  return 2;
}
