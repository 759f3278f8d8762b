import { getHeapStatistics } from 'node:v8';

/** What the program itself needs of the heap, with rubbish that is not yet collected. */
const OWN_HEAP_BYTES = 128 * 1024 * 1024;
const MEBIBYTE = 1024 * 1024;

/**
 * Why the JavaScript heap is too small for a program that may keep `memoryBytes` for streams, and what to do; undefined when it
 * is large enough. Small pieces of streams lie in the heap, and a heap that is full ends the process.
 */
export function heapShortage(
  memoryBytes: number,
  heapLimitBytes = getHeapStatistics().heap_size_limit,
): string | undefined {
  if (heapLimitBytes >= memoryBytes + OWN_HEAP_BYTES) return undefined;
  const has = Math.floor(heapLimitBytes / MEBIBYTE);
  return `the JavaScript heap may grow to ${has} MiB only: run with NODE_OPTIONS=${heapOption(memoryBytes)}`;
}

/** The option of Node.js that makes the heap large enough. */
export function heapOption(memoryBytes: number): string {
  return `--max-old-space-size=${Math.ceil((memoryBytes + OWN_HEAP_BYTES) / MEBIBYTE)}`;
}
