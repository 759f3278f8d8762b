import { expect, it } from 'vitest';
import { heapOption, heapShortage } from '../../../shared/runtime/process/heap-limit.ts';

const MIB = 1024 * 1024;

it('says which option makes the heap large enough, where it is not', () => {
  expect(heapShortage(512 * MIB, 640 * MIB)).toBeUndefined();
  expect(heapShortage(512 * MIB, 600 * MIB)).toBe(
    'the JavaScript heap may grow to 600 MiB only: run with NODE_OPTIONS=--max-old-space-size=640',
  );
  expect(heapOption(16 * MIB)).toBe('--max-old-space-size=144');
});
