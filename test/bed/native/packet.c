#include "packet.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_PACKET (65535 + 64)
#define VNET sizeof(struct virtio_net_hdr)
/* Of IP and TCP with all their options, and some more. */
#define MAX_HEADER 256

static uint64_t memory_held;

/* How the packet divides into segments; one that is not TSO's stays whole. */
static void measure_segments(struct burst *burst, const uint8_t *packet) {
  const struct virtio_net_hdr *v = &burst->vnet;
  burst->segments = 1;
  if (v->gso_type == VIRTIO_NET_HDR_GSO_NONE || v->gso_size == 0) return;
  if (!(v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || v->csum_start < 20 || v->csum_start + 20u > burst->length) return;
  uint32_t header = v->csum_start + (packet[v->csum_start + 12] >> 4) * 4u;
  if (header > MAX_HEADER || header >= burst->length) return;
  burst->header = header;
  burst->segment = v->gso_size;
  burst->segments = (burst->length - header + v->gso_size - 1) / v->gso_size;
}

struct burst *burst_read(int device) {
  static uint8_t scratch[VNET + MAX_PACKET];
  ssize_t got = read(device, scratch, sizeof scratch);
  if (got <= (ssize_t)VNET) return NULL;
  struct burst shape = {.references = 1, .length = (uint32_t)((size_t)got - VNET)};
  memcpy(&shape.vnet, scratch, VNET);
  measure_segments(&shape, scratch + VNET);

  size_t chunks = shape.segments * sizeof(struct chunk);
  size_t size = sizeof(struct burst) + chunks + shape.length;
  struct burst *burst = malloc(size);
  if (!burst) return NULL;
  *burst = shape;
  burst->size = (uint32_t)size;
  burst->packet = (uint8_t *)burst + sizeof(struct burst) + chunks;
  memcpy(burst->packet, scratch + VNET, shape.length);
  memory_held += size;
  return burst;
}

uint64_t burst_memory(void) { return memory_held; }

void burst_release(struct burst *burst) {
  if (--burst->references > 0) return;
  memory_held -= burst->size;
  free(burst);
}

uint32_t wire_bytes(const struct burst *burst, uint32_t first, uint32_t count) {
  if (!burst->header) return burst->length;
  uint32_t start = first * burst->segment, end = (first + count) * burst->segment;
  uint32_t payload = burst->length - burst->header;
  if (end > payload) end = payload;
  return count * burst->header + end - start;
}

static uint32_t sum16(const uint8_t *bytes, size_t length, uint32_t sum) {
  for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  return sum;
}

static uint16_t fold(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

static void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

/* Cuts headers for the chunk's own super-packet: lengths, IPv4 id and checksum, TCP sequence number, flags and the
 * pseudo-header sum that stands in the checksum field of a packet whose checksum is still to be computed. */
static void chunk_header(const struct chunk *chunk, uint32_t payload, uint8_t *header, struct virtio_net_hdr *vnet) {
  const struct burst *burst = chunk->burst;
  uint32_t tcp_at = burst->vnet.csum_start;
  uint32_t tcp_length = burst->header - tcp_at + payload;
  uint8_t *tcp = header + tcp_at;
  uint32_t sequence, sum = 6 + tcp_length;

  *vnet = burst->vnet;
  /* Of a packet that was forwarded it says how much of it lies in one piece, which may be more than the chunk has. */
  vnet->hdr_len = (uint16_t)burst->header;
  if (chunk->count == 1) {
    vnet->gso_type = VIRTIO_NET_HDR_GSO_NONE;
    vnet->gso_size = 0;
  }
  memcpy(header, burst->packet, burst->header);
  if (header[0] >> 4 == 4) {
    put16(header + 2, tcp_at + tcp_length);
    put16(header + 4, get16(header + 4) + chunk->first);
    put16(header + 10, 0);
    put16(header + 10, (uint16_t)~fold(sum16(header, tcp_at, 0)));
    sum = sum16(header + 12, 8, sum);
  } else {
    put16(header + 4, tcp_at - 40 + tcp_length);
    sum = sum16(header + 8, 32, sum);
  }
  memcpy(&sequence, tcp + 4, 4);
  sequence = htonl(ntohl(sequence) + chunk->first * burst->segment);
  memcpy(tcp + 4, &sequence, 4);
  if (chunk->first > 0) tcp[13] &= (uint8_t)~0x80;                                /* CWR: the first segment's */
  if (chunk->first + chunk->count < burst->segments) tcp[13] &= (uint8_t)~0x09; /* FIN, PSH: the last one's */
  put16(tcp + 16, fold(sum));
}

bool chunk_write(const struct chunk *chunk, int device) {
  struct burst *burst = chunk->burst;
  struct iovec parts[3];
  if (chunk->count == burst->segments) {
    parts[0] = (struct iovec){&burst->vnet, VNET};
    parts[1] = (struct iovec){burst->packet, burst->length};
    return writev(device, parts, 2) >= 0;
  }
  uint8_t header[MAX_HEADER];
  struct virtio_net_hdr vnet;
  uint32_t payload = chunk->bytes - chunk->count * burst->header;
  chunk_header(chunk, payload, header, &vnet);
  parts[0] = (struct iovec){&vnet, VNET};
  parts[1] = (struct iovec){header, burst->header};
  parts[2] = (struct iovec){burst->packet + burst->header + chunk->first * burst->segment, payload};
  return writev(device, parts, 3) >= 0;
}

void fifo_push(struct fifo *fifo, struct chunk *chunk) {
  chunk->next = NULL;
  if (fifo->tail) fifo->tail->next = chunk;
  else fifo->head = chunk;
  fifo->tail = chunk;
}

struct chunk *fifo_pop(struct fifo *fifo) {
  struct chunk *chunk = fifo->head;
  fifo->head = chunk->next;
  if (!fifo->head) fifo->tail = NULL;
  return chunk;
}

/* In order of due; only jitter with reordering asks for it, so a scan from the head will do. */
void fifo_insert(struct fifo *fifo, struct chunk *chunk) {
  if (!fifo->tail || fifo->tail->due <= chunk->due) {
    fifo_push(fifo, chunk);
    return;
  }
  struct chunk **at = &fifo->head;
  while ((*at)->due <= chunk->due) at = &(*at)->next;
  chunk->next = *at;
  *at = chunk;
}
