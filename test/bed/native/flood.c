/*
 * Strangers without number, in C so that they take little of what is measured.
 *
 *   flood ADDRESS PORT SECONDS SILENT HELLOS FILE FROM...
 *
 * Each second makes SILENT connections that say nothing and HELLOS that send what is in FILE (a TLS ClientHello) and then say
 * nothing. They are held open until the other end closes them, or MAX_HELD newer ones are there. FROM are the addresses that they
 * come from, in turn: "127.0.0.9" is one, "127.1" stands for all of 127.1.x.y, drawn at random. Prints
 * "connected N closed N failed N" at the end.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <sys/epoll.h>
#include <sys/resource.h>

#include "random.h"

#define MAX_HELD 15000
#define MAX_HELLO 8192
#define EVENTS 256
#define TICK_NS MS_NS
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

struct held {
  bool is_open, says_hello;
  /* Descriptors are used again. */
  unsigned long serial;
};

struct begun {
  int fd;
  unsigned long serial;
};

static struct sockaddr_in target;
static char **sources;
static int source_count, next_source;
static unsigned char hello[MAX_HELLO];
static ssize_t hello_length;
/* By descriptor; the ring has the descriptors in the order of their beginning. */
static struct held held[MAX_HELD + 64];
static struct begun ring[MAX_HELD];
static unsigned long begun, connected, closed, failed;
static int poller;
static uint64_t draws = 1;

static void drop(int fd) {
  if (!held[fd].is_open) return;
  held[fd].is_open = false;
  close(fd);
}

static bool bind_next(int fd) {
  const char *text = sources[next_source++ % source_count];
  struct sockaddr_in from = {.sin_family = AF_INET};
  unsigned first, second;
  int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (inet_pton(AF_INET, text, &from.sin_addr) != 1) {
    if (sscanf(text, "%u.%u", &first, &second) != 2) return false;
    unsigned host = (unsigned)between(&draws, 1, 65535);
    from.sin_addr.s_addr = htonl(first << 24 | second << 16 | host);
  }
  return bind(fd, (struct sockaddr *)&from, sizeof from) == 0;
}

static void begin(bool says_hello) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || fd >= (int)(sizeof held / sizeof *held)) {
    failed++;
    if (fd >= 0) close(fd);
    return;
  }
  if (!bind_next(fd) || (connect(fd, (struct sockaddr *)&target, sizeof target) != 0 && errno != EINPROGRESS)) {
    failed++;
    close(fd);
    return;
  }
  struct epoll_event event = {.events = EPOLLOUT | EPOLLRDHUP, .data.fd = fd};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  struct begun *place = &ring[++begun % MAX_HELD];
  if (held[place->fd].serial == place->serial) drop(place->fd);
  held[fd] = (struct held){.is_open = true, .says_hello = says_hello, .serial = begun};
  *place = (struct begun){.fd = fd, .serial = begun};
}

static void serve(struct epoll_event *event) {
  int fd = event->data.fd;
  if (!held[fd].is_open) return;
  if (event->events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) {
    closed++;
    drop(fd);
  } else if (event->events & EPOLLOUT) {
    connected++;
    if (held[fd].says_hello && send(fd, hello, (size_t)hello_length, MSG_NOSIGNAL) != hello_length) failed++;
    /* From now on only its end is of interest. */
    struct epoll_event rest = {.events = EPOLLRDHUP, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &rest);
  }
}

int main(int argc, char **argv) {
  if (argc < 8) {
    fprintf(stderr, "flood ADDRESS PORT SECONDS SILENT HELLOS FILE FROM...\n");
    return 2;
  }
  struct rlimit files = {.rlim_cur = MAX_HELD + 64, .rlim_max = MAX_HELD + 64};
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) fail("setrlimit");
  target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  if (inet_pton(AF_INET, argv[1], &target.sin_addr) != 1) fail(argv[1]);
  double silent_per_s = atof(argv[4]), hellos_per_s = atof(argv[5]);
  FILE *file = fopen(argv[6], "rb");
  if (file == NULL) fail(argv[6]);
  hello_length = (ssize_t)fread(hello, 1, sizeof hello, file);
  fclose(file);
  sources = argv + 7;
  source_count = argc - 7;
  poller = epoll_create1(EPOLL_CLOEXEC);
  uint64_t start = now_ns(), end = start + (uint64_t)(atof(argv[3]) * 1e9);
  double silent = 0, hellos = 0;
  for (uint64_t now = start; now < end; now = now_ns()) {
    double seconds = (double)(now - start) / 1e9;
    for (; silent < seconds * silent_per_s; silent++) begin(false);
    for (; hellos < seconds * hellos_per_s; hellos++) begin(true);
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, 0);
    for (int i = 0; i < count; i++) serve(&events[i]);
    if (count < EVENTS) sleep_until(now + TICK_NS);
  }
  printf("connected %lu closed %lu failed %lu\n", connected, closed, failed);
  return 0;
}
