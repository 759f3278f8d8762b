import { expect, it } from 'vitest';
import { capacity, mix } from './mix.ts';
import { idleWorld, Transfer } from './transfers.ts';

const RUN_MS = 5_000;

/** The first seconds of a transfer, in which the slow uplink is found out. */
function run(text: string, direction: 'up' | 'down') {
  const uplinks = mix(text, 'rate');
  const transfer = new Transfer(idleWorld(uplinks, { measureIntervalMs: 5 }), direction);
  const { rate, gapMs } = transfer.run(RUN_MS);
  return { share: rate / capacity(uplinks, direction), gapMs };
}

it.each(
  [
    { text: '100/10 q50 + 1/200 q500', least: 0.965, mostMs: 110 },
    { text: '50/40 + 2/200 q500', least: 0.935, mostMs: 150 },
    // The satellite adds little within five round trips, and used to hold everything up for .6 s.
    { text: '20/30 + 25/600 q300', least: 0.44, mostMs: 350 },
  ].flatMap((one) => (['down', 'up'] as const).map((direction) => ({ ...one, direction }))),
)(
  'what is sent on a slow uplink arrives in time: $text, $direction',
  ({ text, direction, least, mostMs }) => {
    const { share, gapMs } = run(text, direction);
    console.log(
      `measured: ${text}, ${direction}: ${share.toFixed(3)} of the sum, gap ${Math.round(gapMs)} ms`,
    );
    expect(share).toBeGreaterThan(least);
    expect(gapMs).toBeLessThan(mostMs);
  },
);
