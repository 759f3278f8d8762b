/*
 * Datagrams of applications, in C so that sending and receiving them takes little of what is measured. All ends run on one
 * machine, so one clock serves them, and delays one way are exact.
 *
 *   datagrams origin PORT
 *       prints "ready". Answers questions; takes its part in calls. When its stdin ends it prints what it knows of the calls.
 *   datagrams call ROUTE ADDRESS PORT KEY MS UP_BYTES UP_GAP_US DOWN_BYTES DOWN_GAP_US
 *       sends datagrams of UP_BYTES every UP_GAP_US for so long; the origin sends its own as soon as the first has come
 *   datagrams ask ROUTE ADDRESS PORT COUNT GAP_MS BYTES
 *       questions one after the other, each from another port, as of a resolver; prints "answer NS", or "answer 0" for none in time
 *   datagrams flood ROUTE ADDRESS PORT WINDOW MS BYTES
 *       questions from one port, so many at a time; prints "answers N lost N ns N"
 *
 *   datagrams forward ROUTE ADDRESS PORT LOCAL_PORT
 *       prints "ready"; leads what comes to LOCAL_PORT to the origin until it is killed, for applications that know of no proxy
 *
 * Of a call each end prints "sent KEY up|down N", and of each datagram that came "got KEY up|down SEQUENCE SENT_NS RECEIVED_NS".
 * ROUTE is socks:PORT, a SOCKS5 proxy on 127.0.0.1, or from:ADDRESS, the source address of plain UDP.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#define MAX_BYTES 2048
#define MAX_CALLS 64
#define SOCKS_TIMEOUT_S 10
#define SOCKS_HEAD 10
/* What is later than this after the last datagram counts as lost: longer than the deepest queue and the longest pause. */
#define TAIL_MS 1500
/* As long as resolvers wait. */
#define ANSWER_MS 2000
/* Nobody is there, if so many questions in a row have no answer. */
#define MAX_UNANSWERED 5
/* A flood takes what has not come by then as lost. */
#define REFILL_MS 100

enum kind { CALL = 0x63616c6c, ASK = 0x61736b3f };

/* What each datagram begins with. */
struct head {
  uint32_t kind, key, sequence, down_bytes;
  uint32_t down_gap_us, ms;
  uint64_t sent;
};

struct arrival {
  uint32_t key, sequence;
  uint64_t sent, received;
};

/* The origin's part in a call. */
struct part {
  uint32_t key, bytes, sent;
  uint64_t gap, start, length;
  struct sockaddr_in6 peer;
};

/* The way of a client's datagrams. */
struct route {
  int fd, control;
  bool socks;
  unsigned char head[SOCKS_HEAD];
};

static struct arrival *arrivals;
static size_t arrival_count, arrival_room;
static unsigned char buffer[MAX_BYTES + 512];

static void note(const struct head *head, uint64_t received) {
  if (arrival_count == arrival_room) {
    arrival_room = arrival_room ? 2 * arrival_room : 4096;
    arrivals = realloc(arrivals, arrival_room * sizeof *arrivals);
    if (!arrivals) fail("memory");
  }
  arrivals[arrival_count++] =
      (struct arrival){.key = head->key, .sequence = head->sequence, .sent = head->sent, .received = received};
}

static void print_arrivals(const char *direction) {
  for (size_t i = 0; i < arrival_count; i++)
    printf("got %u %s %u %llu %llu\n", arrivals[i].key, direction, arrivals[i].sequence,
           (unsigned long long)arrivals[i].sent, (unsigned long long)arrivals[i].received);
}

/* Waits until something can be read or a time has come. */
static bool readable_before(int fd, uint64_t due) {
  uint64_t now = now_ns();
  struct pollfd one = {.fd = fd, .events = POLLIN};
  struct timespec wait = timespec_of(due > now ? due - now : 0);
  return ppoll(&one, 1, &wait, NULL) > 0;
}

/* --- the client's way --- */

static bool exchange(int fd, const void *request, size_t length, unsigned char *reply, size_t wanted) {
  return send(fd, request, length, MSG_NOSIGNAL) == (ssize_t)length && recv(fd, reply, wanted, MSG_WAITALL) == (ssize_t)wanted;
}

static void associate(struct route *route, int proxy, const char *address, int port) {
  unsigned char reply[SOCKS_HEAD];
  struct sockaddr_in relay = {.sin_family = AF_INET};
  route->socks = true;
  route->head[3] = 1;
  uint16_t big_port = htons((uint16_t)port);
  if (inet_pton(AF_INET, address, route->head + 4) != 1) fail("address");
  memcpy(route->head + 8, &big_port, 2);
  route->control = open_connection(SOCK_STREAM, "127.0.0.1", proxy, SOCKS_TIMEOUT_S);
  if (route->control < 0) fail("SOCKS proxy");
  if (!exchange(route->control, "\5\1", 3, reply, 2) || reply[1] != 0) fail("SOCKS greeting");
  if (!exchange(route->control, "\5\3\0\1\0\0\0\0\0", 10, reply, sizeof reply)) fail("SOCKS reply");
  if (reply[1] != 0) {
    fprintf(stderr, "the SOCKS proxy refuses UDP with %d\n", reply[1]);
    exit(1);
  }
  memcpy(&relay.sin_addr, reply + 4, 4);
  memcpy(&relay.sin_port, reply + 8, 2);
  if (connect(route->fd, (struct sockaddr *)&relay, sizeof relay) != 0) fail("relay");
}

static struct route open_route(const char *text, const char *address, int port) {
  struct route route = {.fd = socket(AF_INET, SOCK_DGRAM, 0), .control = -1};
  int room = 4 << 20;
  if (route.fd < 0) fail("socket");
  setsockopt(route.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (strncmp(text, "socks:", 6) == 0) {
    associate(&route, atoi(text + 6), address, port);
    return route;
  }
  struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (strncmp(text, "from:", 5) != 0 || inet_pton(AF_INET, text + 5, &from.sin_addr) != 1) fail("route");
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1) fail("address");
  if (bind(route.fd, (struct sockaddr *)&from, sizeof from) != 0) fail("bind");
  if (connect(route.fd, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
  return route;
}

static void close_route(struct route *route) {
  close(route->fd);
  if (route->control >= 0) close(route->control);
}

/* A datagram that the kernel does not take is lost, as one on the way is. */
static void send_by(struct route *route, const struct head *head, size_t bytes) {
  static unsigned char zeros[MAX_BYTES];
  struct iovec parts[] = {{route->head, route->socks ? SOCKS_HEAD : 0},
                          {(void *)head, sizeof *head},
                          {zeros, bytes - sizeof *head}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
  sendmsg(route->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The next datagram of the right kind; false when there is none. */
static bool receive_by(struct route *route, struct head *head) {
  for (;;) {
    ssize_t got = recv(route->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == ECONNREFUSED) continue;
    if (got < 0) return false;
    size_t skip = !route->socks ? 0 : buffer[3] == 4 ? SOCKS_HEAD + 12 : SOCKS_HEAD;
    if ((size_t)got < skip + sizeof *head) continue;
    memcpy(head, buffer + skip, sizeof *head);
    return true;
  }
}

/* --- modes --- */

static int call(struct route route, char **args) {
  uint32_t key = (uint32_t)atoi(args[0]), ms = (uint32_t)atoi(args[1]), sent = 0;
  size_t bytes = (size_t)atoi(args[2]);
  uint64_t gap = strtoull(args[3], NULL, 10) * 1000, length = ms * MS_NS;
  if (bytes < sizeof(struct head) || bytes > MAX_BYTES || gap == 0) fail("size or gap");
  struct head head = {.kind = CALL, .key = key, .ms = ms};
  head.down_bytes = (uint32_t)atoi(args[4]);
  head.down_gap_us = (uint32_t)atoi(args[5]);
  uint64_t start = now_ns(), end = start + length + TAIL_MS * MS_NS;
  for (uint64_t now; (now = now_ns()) < end;) {
    while (sent * gap < length && start + sent * gap <= now) {
      head.sequence = sent++;
      head.sent = now_ns();
      send_by(&route, &head, bytes);
    }
    if (!readable_before(route.fd, sent * gap < length ? start + sent * gap : end)) continue;
    struct head came;
    while (receive_by(&route, &came))
      if (came.kind == CALL && came.key == key) note(&came, now_ns());
  }
  printf("sent %u up %u\n", key, sent);
  print_arrivals("down");
  return 0;
}

static int ask(const char *route_text, const char *address, int port, char **args) {
  uint32_t count = (uint32_t)atoi(args[0]);
  uint64_t gap = strtoull(args[1], NULL, 10) * MS_NS;
  size_t bytes = (size_t)atoi(args[2]);
  if (bytes < sizeof(struct head) || bytes > MAX_BYTES) fail("size");
  for (uint32_t i = 0, unanswered = 0; i < count && unanswered < MAX_UNANSWERED; i++) {
    struct route route = open_route(route_text, address, port);
    struct head head = {.kind = ASK, .key = i, .sent = now_ns()}, came;
    uint64_t took = 0;
    send_by(&route, &head, bytes);
    while (took == 0 && readable_before(route.fd, head.sent + ANSWER_MS * MS_NS))
      while (receive_by(&route, &came))
        if (came.kind == ASK && came.key == i) took = now_ns() - head.sent;
    printf("answer %llu\n", (unsigned long long)took);
    unanswered = took ? 0 : unanswered + 1;
    close_route(&route);
    sleep_until(now_ns() + gap);
  }
  return 0;
}

static int flood(struct route route, char **args) {
  uint32_t window = (uint32_t)atoi(args[0]), under_way = 0;
  uint64_t length = strtoull(args[1], NULL, 10) * MS_NS, start = now_ns(), answers = 0, lost = 0, now;
  size_t bytes = (size_t)atoi(args[2]);
  struct head head = {.kind = ASK}, came;
  if (bytes < sizeof head || bytes > MAX_BYTES) fail("size");
  while ((now = now_ns()) < start + length) {
    for (; under_way < window; under_way++) {
      head.sequence++;
      send_by(&route, &head, bytes);
    }
    if (!readable_before(route.fd, now + REFILL_MS * MS_NS)) {
      lost += under_way;
      under_way = 0;
    }
    while (receive_by(&route, &came)) {
      answers++;
      if (under_way > 0) under_way--;
    }
  }
  printf("answers %llu lost %llu ns %llu\n", (unsigned long long)answers, (unsigned long long)lost,
         (unsigned long long)(now - start));
  return 0;
}

/* An application's socket, and its own way to the origin. */
struct forwarded {
  struct sockaddr_in6 peer;
  struct route route;
};

static struct forwarded *forwarded_for(struct forwarded *all, size_t *count, const struct sockaddr_in6 *peer, char **args) {
  for (size_t i = 0; i < *count; i++)
    if (memcmp(&all[i].peer, peer, sizeof *peer) == 0) return &all[i];
  if (*count == MAX_CALLS) return NULL;
  all[*count] = (struct forwarded){.peer = *peer, .route = open_route(args[0], args[1], atoi(args[2]))};
  return &all[(*count)++];
}

static _Noreturn void forward(char **args) {
  static struct forwarded all[MAX_CALLS];
  size_t count = 0;
  int fd = open_port(SOCK_DGRAM, atoi(args[3]), 0);
  for (;;) {
    struct pollfd polled[1 + MAX_CALLS] = {{.fd = fd, .events = POLLIN}};
    for (size_t i = 0; i < count; i++) polled[1 + i] = (struct pollfd){.fd = all[i].route.fd, .events = POLLIN};
    if (poll(polled, 1 + count, -1) <= 0) continue;
    struct sockaddr_in6 peer;
    ssize_t got;
    for (socklen_t size = sizeof peer; (got = recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&peer, &size)) >= 0;
         size = sizeof peer) {
      struct forwarded *one = forwarded_for(all, &count, &peer, args);
      if (!one) continue;
      struct iovec parts[] = {{one->route.head, one->route.socks ? SOCKS_HEAD : 0}, {buffer, (size_t)got}};
      struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
      sendmsg(one->route.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    for (size_t i = 0; i < count; i++) {
      size_t skip = all[i].route.socks ? SOCKS_HEAD : 0;
      while ((got = recv(all[i].route.fd, buffer, sizeof buffer, MSG_DONTWAIT)) >= 0)
        if ((size_t)got >= skip)
          sendto(fd, buffer + skip, (size_t)got - skip, MSG_DONTWAIT, (struct sockaddr *)&all[i].peer, sizeof all[i].peer);
    }
  }
}

static struct part *part_of(struct part *parts, size_t *count, const struct head *head) {
  for (size_t i = 0; i < *count; i++)
    if (parts[i].key == head->key) return &parts[i];
  if (*count == MAX_CALLS || head->down_bytes < sizeof *head || head->down_bytes > MAX_BYTES || head->down_gap_us == 0)
    return NULL;
  struct part *part = &parts[(*count)++];
  *part = (struct part){.key = head->key, .bytes = head->down_bytes, .gap = head->down_gap_us * 1000ull, .start = now_ns(),
                        .length = head->ms * MS_NS};
  return part;
}

/* Sends what is due; answers when the next is. */
static uint64_t send_part(int fd, struct part *part) {
  static unsigned char bytes[MAX_BYTES];
  uint64_t now = now_ns();
  while (part->sent * part->gap < part->length && part->start + part->sent * part->gap <= now) {
    struct head head = {.kind = CALL, .key = part->key, .sequence = part->sent++, .sent = now_ns()};
    memcpy(bytes, &head, sizeof head);
    sendto(fd, bytes, part->bytes, MSG_DONTWAIT, (struct sockaddr *)&part->peer, sizeof part->peer);
  }
  return part->sent * part->gap < part->length ? part->start + part->sent * part->gap : UINT64_MAX;
}

static int origin(int port) {
  static struct part parts[MAX_CALLS];
  size_t count = 0;
  int fd = open_port(SOCK_DGRAM, port, 0);
  struct pollfd both[] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
  for (;;) {
    uint64_t due = now_ns() + 100 * MS_NS;
    for (size_t i = 0; i < count; i++) due = earlier(due, send_part(fd, &parts[i]));
    uint64_t now = now_ns();
    struct timespec wait = timespec_of(due > now ? due - now : 0);
    if (ppoll(both, 2, &wait, NULL) <= 0) continue;
    if (both[1].revents) break;
    struct sockaddr_in6 peer;
    for (socklen_t size = sizeof peer;; size = sizeof peer) {
      ssize_t got = recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&peer, &size);
      struct head head;
      if (got < 0 && errno != ECONNREFUSED) break;
      if (got < (ssize_t)sizeof head) continue;
      memcpy(&head, buffer, sizeof head);
      if (head.kind == ASK) sendto(fd, buffer, (size_t)got, MSG_DONTWAIT, (struct sockaddr *)&peer, size);
      if (head.kind != CALL) continue;
      note(&head, now_ns());
      struct part *part = part_of(parts, &count, &head);
      if (part) part->peer = peer;
    }
  }
  for (size_t i = 0; i < count; i++) printf("sent %u down %u\n", parts[i].key, parts[i].sent);
  print_arrivals("up");
  return 0;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  prctl(PR_SET_TIMERSLACK, 1);
  /* What is measured is the path, not how busy the machine is; a flood measures the programs, and what is
   * forwarded is a browser's. */
  struct sched_param priority = {.sched_priority = 5};
  if (strcmp(mode, "flood") != 0 && strcmp(mode, "forward") != 0) sched_setscheduler(0, SCHED_FIFO, &priority);
  if (argc == 3 && strcmp(mode, "origin") == 0) return origin(atoi(argv[2]));
  if (argc == 11 && strcmp(mode, "call") == 0) return call(open_route(argv[2], argv[3], atoi(argv[4])), argv + 5);
  if (argc == 8 && strcmp(mode, "ask") == 0) return ask(argv[2], argv[3], atoi(argv[4]), argv + 5);
  if (argc == 8 && strcmp(mode, "flood") == 0) return flood(open_route(argv[2], argv[3], atoi(argv[4])), argv + 5);
  if (argc == 6 && strcmp(mode, "forward") == 0) forward(argv + 2);
  fprintf(stderr, "usage: see the head of datagrams.c\n");
  return 2;
}
