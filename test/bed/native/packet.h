/*
 * Packets as TUN devices give and take them: up to 64 KB of TCP segments in one (TSO). A chunk is a part of such a packet that
 * travels alone.
 */
#pragma once

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Chunks in the order in which they leave. */
struct fifo {
  struct chunk *head, *tail;
};

/* Reads a packet from a device; NULL when it has nothing to read, or when there is no memory. The caller has a reference. */
struct burst *burst_read(int device);

void burst_release(struct burst *burst);

/* Bytes of all bursts that are held. */
uint64_t burst_memory(void);

/* Bytes on the wire of some segments of a burst, with headers. */
uint32_t wire_bytes(const struct burst *burst, uint32_t first, uint32_t count);

/* Writes a chunk to a device; false when the device does not take it. */
bool chunk_write(const struct chunk *chunk, int device);

void fifo_push(struct fifo *fifo, struct chunk *chunk);

/* Takes out the head of a queue that is not empty. */
struct chunk *fifo_pop(struct fifo *fifo);

/* Puts a chunk in order of its due time. */
void fifo_insert(struct fifo *fifo, struct chunk *chunk);
