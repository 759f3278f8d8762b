import { describe, expect, it } from 'vitest';
import { DatagramBed, link } from './datagram-bed.ts';
import { FlowRun } from './flow-run.ts';

describe('a link with jitter and room', () => {
  it.each([
    { mbit: 3, jitterMs: 50, loss: 0.01 },
    { mbit: 5, jitterMs: 30, loss: 0.005 },
    { mbit: 5, jitterMs: 50, loss: 0.03 },
    { mbit: 9, jitterMs: 30, loss: 0.01 },
  ])('is not taken for a full one: $mbit of 20 Mbit/s, up to $jitterMs ms', ({ mbit, jitterMs, loss }) => {
    const shape = link('a', 20, 40, 100);
    const bed = new DatagramBed([
      { ...shape, up: { ...shape.up, jitterMs }, down: { ...shape.down, jitterMs } },
    ]);
    const bytes = 1_100;
    const run = new FlowRun(bed.world, { concentrator: { bytes, gapMs: (bytes * 8) / mbit / 1_000 } }, 8_000);
    bed.world.advance(9_000);
    const { lossShare } = run.meters.concentrator.figures;
    process.stdout.write(`${mbit} Mbit/s, ${jitterMs} ms: ${(lossShare * 100).toFixed(2)} % dropped\n`);
    expect(lossShare).toBeLessThan(loss);
  });
});
