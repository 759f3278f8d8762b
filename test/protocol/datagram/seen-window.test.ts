import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeenWindow } from '../../../shared/protocol/datagram/receive/seen-window.ts';

const SIZE = 64;

/** The same with a set that forgets nothing, and a lowest number that only says what may be forgotten. */
class Oracle {
  readonly #seen = new Set<number>();
  highest = -1;

  add(number: number, lowest: number): boolean {
    if (number < lowest || this.#seen.has(number)) return false;
    this.#seen.add(number);
    this.highest = Math.max(this.highest, number);
    return true;
  }

  runDown(from: number, areSeen: boolean, lowest: number): number {
    let at = from;
    while (at >= lowest && this.#seen.has(at) === areSeen) at--;
    return from - at;
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 3 }) },
  { weight: 3, arbitrary: fc.integer({ min: -70, max: 0 }) },
  { weight: 1, arbitrary: fc.integer({ min: 4, max: 500 }) },
);

describe('SeenWindow', () => {
  it('takes each number once, and none below the window, whatever comes', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2 ** 32 - 40, 2 ** 50), fc.array(step), (start, steps) => {
        const [window, oracle] = [new SeenWindow(SIZE), new Oracle()];
        window.add(start);
        oracle.add(start, 0);
        let at = start;
        for (const by of steps) {
          const number = Math.max(0, at + by);
          const isSeen = window.has(number);
          const isNew = oracle.add(number, number > oracle.highest ? 0 : window.lowest);
          expect([window.add(number), !isSeen]).toEqual([isNew, isNew]);
          at = Math.max(at, number);
          expect(window.highest).toBe(oracle.highest);
          for (const areSeen of [true, false]) {
            for (const from of [at, at - 1, at - 40]) {
              expect(window.runDown(from, areSeen)).toBe(oracle.runDown(from, areSeen, window.lowest));
            }
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('tells apart as many numbers below the highest as it is asked to', () => {
    for (const highest of [SIZE, 1_000, 1_023, 1_024]) {
      const window = new SeenWindow(SIZE);
      window.add(highest);
      for (let number = highest - 1; number >= highest - SIZE; number--)
        expect(window.add(number)).toBe(true);
      expect([window.has(window.lowest - 1), window.add(highest - 2 * SIZE)]).toEqual([true, false]);
    }
  });
});
