import { expect, it } from 'vitest';
import { SilenceWatch } from '../../../server-concentrator/workers/silence-watch.ts';

/** What is found in so many steps, with the step. @param before what is done before each */
function found(watch: SilenceWatch, steps: number, before: (step: number) => void = () => {}) {
  const all: string[] = [];
  for (let step = 1; step <= steps; step++) {
    before(step);
    for (const { worker, silence, seconds } of watch.step())
      all.push(`${step}: ${worker} ${silence} after ${seconds}`);
  }
  return all;
}

it('finds a worker that says nothing silent after 5 steps, and lost after 30, once each', () => {
  const watch = new SilenceWatch();
  watch.begin(0);
  watch.begin(1);
  expect(found(watch, 100, () => watch.onHeard(0))).toEqual(['5: 1 silent after 5', '30: 1 lost after 30']);
});

it('finds one silent again that has said something in between', () => {
  const watch = new SilenceWatch();
  watch.begin(0);
  const said = found(watch, 20, (step) => step === 9 && watch.onHeard(0));
  expect(said).toEqual(['5: 0 silent after 5', '13: 0 silent after 5']);
});

it('expects nothing of one that has not started, or has ended', () => {
  const watch = new SilenceWatch();
  watch.onHeard(0);
  expect(found(watch, 50)).toEqual([]);
  watch.begin(0);
  watch.end(0);
  watch.onHeard(0);
  expect(found(watch, 50)).toEqual([]);
});
