#define _GNU_SOURCE
#include "namespaces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_PREFIX "tbed-"
#define NETNS_DIR "/run/netns"

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

void remove_namespaces(bool mine) {
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

int open_device(const char *name, const char *namespace_name) {
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
