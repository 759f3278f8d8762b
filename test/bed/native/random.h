/* Reproducible randomness: the same seed, the same losses. */
#pragma once

#include <stdint.h>

/* splitmix64, in 0..1 */
static inline double uniform(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static inline uint64_t between(uint64_t *state, uint64_t low, uint64_t high) {
  return low + (uint64_t)(uniform(state) * (double)(high - low));
}
