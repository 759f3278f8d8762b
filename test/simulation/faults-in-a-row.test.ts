import { expect, it } from 'vitest';
import {
  blackHole,
  COLLAPSED_BYTES_PER_SECOND,
  collapse,
  type Fault,
  flapping,
  interfaceGone,
} from './faults.ts';
import { capacity, mix } from './mix.ts';
import { idleWorld, Transfer } from './transfers.ts';

interface Step {
  readonly name: string;
  readonly fault: Fault;
  readonly lastsMs: number;
  /** What is left of the uplink: bytes per millisecond, by what it carries without a fault. */
  left(rate: number): number;
}

const STEPS: readonly Step[] = [
  { name: 'black hole of 7 s', fault: blackHole, lastsMs: 7_000, left: () => 0 },
  { name: 'collapse', fault: collapse, lastsMs: 6_000, left: () => COLLAPSED_BYTES_PER_SECOND / 1_000 },
  { name: 'black hole', fault: blackHole, lastsMs: 6_000, left: () => 0 },
  { name: 'interface gone', fault: interfaceGone, lastsMs: 6_000, left: () => 0 },
  { name: 'flapping', fault: flapping(1_000, 3_000), lastsMs: 12_000, left: (rate) => (rate * 2) / 3 },
];
const RECOVERY_MS = 1_000;
/** The next dial, a second after the last, its round trips, and the start of the rate. */
const RETURN_MS = 1_600;

it.each([
  { text: '20/40 + 20/40', index: 0, bound: 'rate' },
  { text: '20/40 + 20/40', index: 1, bound: 'loss' },
  { text: '16/25 up2 + 40/50 q200 up15', index: 1, bound: 'rate' },
] as const)('a download gets through one fault after the other: $index of $text, bound by $bound', (one) => {
  const uplinks = mix(one.text, one.bound);
  const world = idleWorld(uplinks);
  const transfer = new Transfer(world, 'down');
  const sum = capacity(uplinks, 'down');
  const own = capacity([uplinks[one.index]!], 'down');
  world.advance(4_000);
  for (const { name, fault, lastsMs, left } of STEPS) {
    transfer.skip();
    const end = fault(world, world.uplinks[one.index]!);
    const first = transfer.run(RECOVERY_MS);
    const then = transfer.run(lastsMs - RECOVERY_MS);
    end();
    world.advance(RETURN_MS);
    const back = transfer.run(2_000);
    const share = then.rate / (sum - own + left(own));
    const gapMs = Math.max(first.gapMs, then.gapMs);
    console.log(
      `measured: ${one.text}, ${one.bound}, ${name}: ${share.toFixed(2)} of what is left, gap ${Math.round(gapMs)} ms, back at ${(back.rate / sum).toFixed(2)}`,
    );
    expect(share, name).toBeGreaterThan(0.9);
    // What is lost in a pause and sent again in the next one waits for two.
    expect(gapMs, name).toBeLessThan(name === 'flapping' ? 400 : 250);
    expect(back.rate / sum, `after ${name}`).toBeGreaterThan(0.9);
  }
});
