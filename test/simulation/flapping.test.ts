import { expect, it } from 'vitest';
import { flapping } from './faults.ts';
import { capacity, mix } from './mix.ts';
import { idleWorld, Transfer } from './transfers.ts';

const RUN_MS = 12_000;

it.each([
  { bound: 'loss', holeMs: 400, least: 0.7 },
  { bound: 'loss', holeMs: 1_600, least: 0.86 },
  { bound: 'rate', holeMs: 400, least: 0.79 },
] as const)(
  'a download over two links that swallow everything in turn for $holeMs ms, bound by $bound',
  (one) => {
    const uplinks = mix('20/40 + 20/40', one.bound);
    const world = idleWorld(uplinks);
    const transfer = new Transfer(world, 'down');
    world.advance(4_000);
    const periodMs = 2 * one.holeMs + 1_000;
    for (const [index, uplink] of world.uplinks.entries())
      flapping(one.holeMs, periodMs, (index * periodMs) / 2)(world, uplink);
    const { rate } = transfer.run(RUN_MS);
    const share = rate / (capacity(uplinks, 'down') * (1 - one.holeMs / periodMs));
    console.log(`measured: ${one.bound}, holes of ${one.holeMs} ms: ${share.toFixed(2)} of what is left`);
    expect(share).toBeGreaterThan(one.least);
  },
);
