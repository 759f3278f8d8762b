import { describe, expect, it } from 'vitest';
import { runSeed } from './plan.ts';
import { REGRESSIONS } from './regressions.ts';

const DEFAULT_SEEDS = 1_000;
const SEEDS_PER_TEST = 100;
/** `from..to`, for long runs. */
const asked = process.env.TRIBUTARY_SIMULATION_SEEDS;

function seedRange(): { from: number; to: number } {
  if (asked === undefined) return { from: 1, to: DEFAULT_SEEDS };
  const match = /^(\d+)\.\.(\d+)$/.exec(asked);
  if (match === null) throw new Error(`TRIBUTARY_SIMULATION_SEEDS=${asked}: expected from..to`);
  return { from: Number(match[1]), to: Number(match[2]) };
}

function run(seed: number) {
  try {
    return runSeed(seed);
  } catch (error) {
    const again = `TRIBUTARY_SIMULATION_SEEDS=${seed}..${seed} npx vitest run test/simulation/seeds.test.ts`;
    throw new Error(`${(error as Error).message}\nrun it again: ${again}`, { cause: error });
  }
}

describe('two cores over a random network', () => {
  const { from, to } = seedRange();
  for (let first = from; first <= to; first += SEEDS_PER_TEST) {
    const last = Math.min(to, first + SEEDS_PER_TEST - 1);
    it(`keep all that must hold, seeds ${first} to ${last}`, () => {
      let streams = 0;
      for (let seed = first; seed <= last; seed++) streams += run(seed).streams;
      expect(streams).toBeGreaterThan(0);
    });
  }

  it.skipIf(asked !== undefined)('do the same again from the same seed', () => {
    const seeds = Array.from({ length: 25 }, (_, index) => index * 17 + 1);
    const digests = seeds.map((seed) => run(seed).digest);
    expect(seeds.map((seed) => run(seed).digest)).toEqual(digests);
    expect(new Set(digests).size).toBe(seeds.length);
  });

  it.skipIf(asked !== undefined).each(REGRESSIONS)(
    'stay right where they once were wrong: $found',
    ({ seeds }) => {
      for (const seed of seeds) expect(run(seed).streams).toBeGreaterThanOrEqual(0);
    },
  );
});
