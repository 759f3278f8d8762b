/*
 * Preloaded into a program (LD_PRELOAD), it moves the wall clock that the program sees, and no other clock.
 *
 * The file that TRIBUTARY_BED_CLOCK names holds a 64-bit number in the machine's byte order: nanoseconds to add. It is mapped,
 * so that a new number counts from the next look at the clock on. Without the file the clock is the machine's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ll

static const volatile int64_t *offset_ns;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

static void __attribute__((constructor)) map_offset(void) {
  const char *path = getenv("TRIBUTARY_BED_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *map = mmap(NULL, sizeof *offset_ns, PROT_READ, MAP_SHARED, file, 0);
  if (map != MAP_FAILED) offset_ns = map;
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  /* Other libraries may ask before this one is ready. */
  if (!real_clock_gettime)
    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real_clock_gettime(clock, time);
  if (result != 0 || !offset_ns || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
  int64_t moved = (int64_t)time->tv_sec * SECOND_NS + time->tv_nsec + *offset_ns;
  time->tv_sec = moved / SECOND_NS;
  time->tv_nsec = moved % SECOND_NS;
  return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  struct timespec now;
  int result = clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return result;
}

time_t time(time_t *into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}
