import { expect, it } from 'vitest';
import { COLLAPSED_BYTES_PER_SECOND, collapse } from './faults.ts';
import { type Bound, capacity, mix } from './mix.ts';
import { idleWorld, Transfer } from './transfers.ts';

const SEEDS = [1, 2, 3, 4];
const SETTLE_MS = 4_000;
const JUDGED_MS = 5_000;

/** One uplink falls to 1 Mbit/s and 400 ms more in the middle of a download. */
function run(text: string, bound: Bound, index: number, seed: number) {
  const uplinks = mix(text, bound);
  const world = idleWorld(uplinks, { seed });
  const transfer = new Transfer(world, 'down');
  world.advance(SETTLE_MS);
  transfer.skip();
  collapse(world, world.uplinks[index]!);
  const first = transfer.run(1_000);
  const then = transfer.run(JUDGED_MS);
  const others = uplinks.filter((_, other) => other !== index);
  const leftRate = capacity(others, 'down') + COLLAPSED_BYTES_PER_SECOND / 1_000;
  return { share: then.rate / leftRate, gapMs: Math.max(first.gapMs, then.gapMs) };
}

it.each([
  { text: '20/40 + 20/40', bound: 'rate', index: 0, least: 0.94, usualMs: 200, mostMs: 200 },
  { text: '20/40 + 20/40', bound: 'loss', index: 0, least: 0.94, usualMs: 200, mostMs: 200 },
  { text: '16/25 up2 + 40/50 q200 up15', bound: 'rate', index: 1, least: 0.93, usualMs: 200, mostMs: 200 },
  // What is left of it is much beside the others.
  { text: '8/20 q80 + 2/150 q2000', bound: 'rate', index: 0, least: 0.95, usualMs: 200, mostMs: 200 },
  { text: '50/40 + 2/200 q500', bound: 'rate', index: 0, least: 0.9, usualMs: 300, mostMs: 350 },
  { text: '100/10 q50 + 1/200 q500', bound: 'rate', index: 0, least: 0.85, usualMs: 300, mostMs: 350 },
  { text: '50/20 + 8/40 q1500', bound: 'rate', index: 0, least: 0.94, usualMs: 200, mostMs: 200 },
  { text: '40/30 loss1 + 40/60 loss1', bound: 'rate', index: 0, least: 0.93, usualMs: 250, mostMs: 350 },
  { text: '40/30 loss1 + 40/60 loss1', bound: 'rate', index: 1, least: 0.9, usualMs: 270, mostMs: 350 },
  {
    text: '12/60 q200 loss0.5 + 9/80 q300 loss1 + 5/110 q400 loss2',
    bound: 'rate',
    index: 0,
    least: 0.82,
    usualMs: 250,
    mostMs: 450,
  },
] as const)('a download leaves an uplink that collapses: $index of $text, bound by $bound', (one) => {
  const outcomes = SEEDS.map((seed) => run(one.text, one.bound, one.index, seed));
  const gapsMs = outcomes.map(({ gapMs }) => gapMs).sort((a, b) => a - b);
  const leastShare = Math.min(...outcomes.map(({ share }) => share));
  console.log(
    `measured: ${one.text}, ${one.bound}, ${one.index}: ${leastShare.toFixed(2)} of what is left, gaps ${gapsMs.map(Math.round).join(', ')} ms`,
  );
  expect(leastShare).toBeGreaterThan(one.least);
  expect(gapsMs[SEEDS.length / 2 - 1]).toBeLessThan(one.usualMs);
  expect(gapsMs.at(-1)).toBeLessThan(one.mostMs);
});
