import { expect, it } from 'vitest';
import { type Bound, capacity, mix } from './mix.ts';
import { idleWorld, Transfer } from './transfers.ts';

const SETTLE_MS = 8_000;
const JUDGED_MS = 4_000;

/** A download and an upload at once. The sessions hear the kernels every 20 ms, as in programs that are late. */
function run(text: string, bound: Bound) {
  const uplinks = mix(text, bound);
  const world = idleWorld(uplinks);
  const transfers = (['down', 'up'] as const).map((direction) => ({
    direction,
    transfer: new Transfer(world, direction),
  }));
  world.advance(SETTLE_MS);
  for (const { transfer } of transfers) transfer.skip();
  world.advance(JUDGED_MS);
  return transfers.map(({ direction, transfer }) => transfer.skip().rate / capacity(uplinks, direction));
}

it.each(
  [
    '50/30 + 50/30',
    '20/15 up5 + 40/50 up15',
    '16/25 up2 + 40/50 q200 up15',
    '20/20 up1 + 40/50 up15',
    '20/20 up1 + 20/20 up1',
  ].flatMap((text) => [
    { text, bound: 'rate' as const },
    { text, bound: 'loss' as const },
  ]),
)('both directions are filled at once: $text, bound by $bound', ({ text, bound }) => {
  const [down, up] = run(text, bound);
  console.log(`measured: ${text}, ${bound}: ${down?.toFixed(2)} down, ${up?.toFixed(2)} up`);
  // Over 1 Mbit/s up the receipts of 20 Mbit/s take a twelfth.
  expect(down).toBeGreaterThan(0.9);
  expect(up).toBeGreaterThan(0.9);
});
