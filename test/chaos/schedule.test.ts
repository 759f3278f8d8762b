import { expect, test } from 'vitest';
import { Random } from '../simulation/random.ts';
import type { Fault } from './fault.ts';
import { describeFault, FAULT_KINDS } from './fault-kinds.ts';
import { UPLINKS } from './network.ts';
import { drawSchedule, excusesOf } from './schedule.ts';

const LENGTH_MS = 180_000;
const SEEDS = [1, 2, 3, 4, 5, 6, 7];

test('a seed gives the same schedule again, another seed another one', () => {
  expect(drawSchedule(new Random(7), LENGTH_MS)).toEqual(drawSchedule(new Random(7), LENGTH_MS));
  expect(drawSchedule(new Random(7), LENGTH_MS)).not.toEqual(drawSchedule(new Random(8), LENGTH_MS));
});

test.each(SEEDS)('seed %i: every kind comes within three minutes, and is over in time', (seed) => {
  const faults = drawSchedule(new Random(seed), LENGTH_MS);
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS.map(({ name }) => name)));
  for (const { atMs, lastsMs } of faults) expect(atMs + lastsMs).toBeLessThanOrEqual(LENGTH_MS);
});

test.each(SEEDS)('seed %i: no two faults hit the same at once', (seed) => {
  const faults = drawSchedule(new Random(seed), LENGTH_MS);
  for (const [index, one] of faults.entries())
    for (const other of faults.slice(index + 1))
      if (targets(one).some((target) => targets(other).includes(target)))
        expect(one.atMs + one.lastsMs).toBeLessThan(other.atMs);
});

test('only a killed concentrator and lost addresses may break anything, each of its own route', () => {
  const fault = { target: 'wifi', atMs: 1_000, lastsMs: 500, value: 0 };
  const routes = FAULT_KINDS.flatMap(({ name, targets }) => {
    const target = typeof targets === 'string' ? (targets === 'all uplinks' ? targets : 'wifi') : targets[0]!;
    const excuses = excusesOf([{ ...fault, kind: name, target }]);
    return excuses.filter(({ onlyOpens }) => !onlyOpens).map(({ route }) => `${name}: ${route}`);
  });
  expect(routes).toEqual([
    'interface down: direct',
    'another address: direct',
    'all interfaces down, then other addresses: direct',
    'killed: concentrator',
  ]);
});

test('a fault reads well', () => {
  const fault: Fault = { kind: 'loss', target: 'lte', atMs: 12_345, lastsMs: 2_000, value: 12.3456 };
  expect(describeFault(fault)).toBe('   12.3 s  lte: loss (12.3 %), 2.0 s');
});

function targets({ target }: Fault): readonly string[] {
  return target === 'all uplinks' ? UPLINKS.map(({ name }) => name) : [target];
}
