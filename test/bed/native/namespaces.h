/* The network namespaces of beds, named NAME_PREFIX<pid of the emulator>-<role>, and the devices in them. */
#pragma once

#include <stdbool.h>

/* At most 15 characters; tells a live emulator from another process with its pid. */
#define COMMAND_NAME "tbed-emulator"

/* Kills what runs in this process's namespaces and removes them, or (mine false) those of emulators that are gone. */
void remove_namespaces(bool mine);

/* Creates a TUN device in a namespace; -1 with errno when it cannot. */
int open_device(const char *name, const char *namespace_name);
