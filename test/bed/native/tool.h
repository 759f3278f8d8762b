/* What the C programs of the tests have in common: time, sockets, failure. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull
#define MS_NS 1000000ull

/* Ends the program with what the last system call complained about. */
static inline _Noreturn void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static inline struct timespec timespec_of(uint64_t ns) {
  return (struct timespec){.tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS)};
}

/* Sleeps until a time of now_ns. */
static inline void sleep_until(uint64_t time) {
  struct timespec t = timespec_of(time);
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static inline uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }
static inline uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* For qsort of uint64_t. */
static inline int by_size(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* A socket that is connected to an IPv4 or IPv6 address; -1 when it cannot be. With a limit, connecting, sending and
 * receiving fail when they take that long; 0: no limit. */
static inline int open_connection(int type, const char *address, int port, int limit_s) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  struct timeval limit = {.tv_sec = limit_s};
  bool six = inet_pton(AF_INET, address, &v4.sin_addr) != 1;
  int on = 1;
  if (six && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1) return -1;
  int fd = socket(six ? AF_INET6 : AF_INET, type, 0);
  if (fd < 0) return -1;
  if (type == SOCK_STREAM) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (limit_s > 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  int result = six ? connect(fd, (struct sockaddr *)&v6, sizeof v6) : connect(fd, (struct sockaddr *)&v4, sizeof v4);
  if (result == 0) return fd;
  int reason = errno;
  close(fd);
  errno = reason;
  return -1;
}

/* A socket of both address families that is bound to a port and, for TCP, listens. Prints "ready". */
static inline int open_port(int type, int port, int backlog) {
  int fd = socket(AF_INET6, type, 0), off = 0, on = 1, room = 4 << 20;
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  if (fd < 0) fail("socket");
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  /* Accepted sockets inherit it. */
  if (type == SOCK_STREAM) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (type == SOCK_DGRAM) setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (bind(fd, (struct sockaddr *)&any, sizeof any) != 0) fail("bind");
  if (type == SOCK_STREAM && listen(fd, backlog) != 0) fail("listen");
  printf("ready\n");
  fflush(stdout);
  return fd;
}
