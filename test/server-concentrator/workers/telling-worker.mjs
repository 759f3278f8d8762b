// A worker that tells how it was started, and ends.
import { getHeapStatistics } from 'node:v8';

console.log('one line\nanother');
const heapMiB = getHeapStatistics().heap_size_limit / 2 ** 20;
process.send({ env: { ...process.env }, heapMiB, bytes: new Uint8Array([1, 2, 3]) }, () =>
  process.disconnect(),
);
