import { expect, it } from 'vitest';
import { SteadyChoice } from '../../../shared/protocol/scheduler/steady-choice.ts';
import { TestClock } from '../test-clock.ts';
import { view } from './views.ts';

const now = new TestClock();
const make = () => new SteadyChoice(now, { rivalShare: 0.8, rivalSlack: 5, rivalMs: 2_000 });

/** The uplink chosen at a time, each costing so much; undefined: it is not there. */
function choose(choice: SteadyChoice, ms: number, ...costs: (number | undefined)[]): string {
  now.ms = ms;
  const views = costs.flatMap((cost, id) =>
    cost === undefined ? [] : [view(id, 10, 10, { delayMs: cost })],
  );
  return choice.choose(views, ({ delayMs }) => delayMs).name;
}

it('keeps its choice until another has been clearly better for two seconds', () => {
  const choice = make();
  expect(choose(choice, 0, 100, 110)).toBe('uplink0');
  expect(choose(choice, 1_000, 100, 76)).toBe('uplink0');
  expect(choose(choice, 9_000, 100, 76)).toBe('uplink0');
  expect(choose(choice, 10_000, 100, 74)).toBe('uplink0');
  expect(choose(choice, 11_999, 100, 74)).toBe('uplink0');
  expect(choose(choice, 12_000, 100, 74)).toBe('uplink1');
});

it('begins to count anew when the other has been no better meanwhile, or is another one', () => {
  const choice = make();
  choose(choice, 0, 100, 110, 110);
  choose(choice, 100, 100, 50, 110);
  choose(choice, 1_000, 100, 90, 110);
  expect(choose(choice, 2_500, 100, 50, 110)).toBe('uplink0');
  expect(choose(choice, 3_000, 100, 110, 50)).toBe('uplink0');
  expect(choose(choice, 4_900, 100, 110, 50)).toBe('uplink0');
  expect(choose(choice, 5_000, 100, 110, 50)).toBe('uplink2');
});

it('takes another at once when its own is gone, and one of several that cost without end', () => {
  const choice = make();
  choose(choice, 0, 10, 100);
  expect(choose(choice, 1, undefined, 100)).toBe('uplink1');
  expect(choose(make(), 2, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)).toBe('uplink0');
});
