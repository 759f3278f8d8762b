import { expect, test } from 'vitest';
import { changes, Traffic } from './traffic.ts';

function record(...samples: [atMs: number, wifi: number, lte: number][]): Traffic {
  const traffic = new Traffic(['wifi', 'lte']);
  for (const [atMs, wifi, lte] of samples)
    traffic.add(atMs, [
      { up: 0, down: wifi },
      { up: 0, down: lte },
    ]);
  return traffic;
}

test('bytes in a time, shares and rates', () => {
  const traffic = record([0, 500, 0], [100, 1_500, 0], [200, 1_500, 3_000]);
  expect(traffic.bytes('wifi', 'down', 0, 200)).toBe(1_000);
  expect(traffic.bytes('wifi', 'down', 50, 100)).toBe(500);
  expect(traffic.share('lte', 'down', 0, 200)).toBe(0.75);
  expect(traffic.share('lte', 'up', 0, 200)).toBeNaN();
  expect(traffic.rateMbps('lte', 'down', 100, 200)).toBeCloseTo(0.24);
  expect(traffic.rates('wifi', 'down', 100)).toEqual([0.08, 0]);
});

test('a time beyond the record has nothing', () => {
  const traffic = record([0, 0, 0], [100, 1_000, 0]);
  expect(traffic.bytes('wifi', 'down', 100, 5_000)).toBe(0);
  expect(traffic.bytes('wifi', 'down', -50, 100)).toBe(1_000);
});

test('who led, and how often that changed', () => {
  const traffic = record([0, 0, 0], [100, 900, 100], [200, 910, 110], [300, 910, 900], [400, 1_800, 900]);
  const leaders = traffic.leaders('down', 100, 0, 400, 50);
  expect(leaders).toEqual(['wifi', undefined, 'lte', 'wifi']);
  expect(changes(leaders)).toBe(2);
  expect(changes([])).toBe(0);
});
