import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { useCleanups } from '../../support/cleanups.ts';
import { activityOf } from '../../support/wakes.ts';
import { expectEcho, startEchoPair } from '../support/echo-pair.ts';
import type { Pair } from '../support/pair.ts';

const ENDS = ['client', 'concentrator'] as const;
/** Goals for each end, with two uplinks and metrics on. */
const MOST_WAKES_PER_SECOND = 20;
/** 0.3 % of a core is the goal on a machine that does nothing else: beside other work each wake-up costs more. */
const MOST_CORE_PERCENT = 1;
const TRANSFER_BYTES = 2_000_000;
const SPAN_MS = 4_000;
/** What the machine does besides makes it worse, and so does what a start or a transfer leaves to do: one quiet span is enough. */
const SPANS = 4;

/** Per second, and in percent of a core. */
interface Figures {
  readonly wakes: number;
  readonly percent: number;
}

describe('an idle pair', () => {
  const onCleanup = useCleanups();

  it('sleeps, after a transfer and with somebody who looks at its metrics, too', async () => {
    const { pair, socket } = await startEchoPair(onCleanup);
    await expectEcho(socket, TRANSFER_BYTES);

    // With a connection that nobody uses, and with none.
    for (const state of ['an idle connection', 'no connection']) {
      if (state === 'no connection') socket.destroy();
      const spans = await quietSpans(pair);
      for (const [index, end] of ENDS.entries()) {
        const figures = spans.map((span) => span[index]!);
        const text = figures.map(({ wakes, percent }) => `${wakes.toFixed(1)}/s ${percent.toFixed(2)} %`);
        console.log(`${end}, ${state}: ${text.join(', ')} of a core`);
        expect(Math.min(...figures.map(({ wakes }) => wakes))).toBeLessThan(MOST_WAKES_PER_SECOND);
        expect(Math.min(...figures.map(({ percent }) => percent))).toBeLessThan(MOST_CORE_PERCENT);
      }
    }
  });
});

/** What both ends take over some spans, until one is quiet. */
async function quietSpans(pair: Pair): Promise<readonly (readonly Figures[])[]> {
  const spans: Figures[][] = [];
  for (let span = 0; span < SPANS; span++) {
    for (const end of ENDS) await pair.metrics(end);
    const before = await activities(pair);
    const startMs = performance.now();
    await sleep(SPAN_MS);
    const seconds = (performance.now() - startMs) / 1_000;
    const after = await activities(pair);
    const figures = after.map(({ wakes, ranMs }, index) => ({
      wakes: (wakes - before[index]!.wakes) / seconds,
      percent: (ranMs - before[index]!.ranMs) / 10 / seconds,
    }));
    spans.push(figures);
    const isQuiet = ({ wakes, percent }: Figures) =>
      wakes < MOST_WAKES_PER_SECOND && percent < MOST_CORE_PERCENT;
    if (figures.every(isQuiet)) break;
  }
  return spans;
}

function activities(pair: Pair) {
  return Promise.all(ENDS.map((end) => activityOf(pair[end].pid)));
}
