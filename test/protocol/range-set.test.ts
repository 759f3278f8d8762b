import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeSet } from '../../shared/protocol/range-set.ts';

const SPACE = 40;

/** The same set as one flag per position. */
class Bitmap {
  readonly flags = new Array<boolean>(SPACE).fill(false);

  set(start: number, end: number, value: boolean): void {
    for (let i = start; i < end; i++) this.flags[i] = value;
  }

  runs(of: boolean, start = 0, end = SPACE): { start: number; end: number }[] {
    const found: { start: number; end: number }[] = [];
    for (let i = start; i < end; i++) {
      if (this.flags[i] !== of) continue;
      if (found.at(-1)?.end === i) found.at(-1)!.end++;
      else found.push({ start: i, end: i + 1 });
    }
    return found;
  }
}

/** Empty and backward ranges are among them. */
const operation = fc.record({
  kind: fc.constantFrom('add' as const, 'remove' as const),
  start: fc.nat(SPACE),
  end: fc.nat(SPACE),
});

describe('RangeSet', () => {
  it('agrees with a bitmap after any operations', () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 40 }),
        fc.nat(SPACE),
        fc.nat(SPACE),
        (operations, a, b) => {
          const set = new RangeSet();
          const bitmap = new Bitmap();
          for (const { kind, start, end } of operations) {
            set[kind](start, end);
            bitmap.set(start, end, kind === 'add');
            expect(set.gaps(0, SPACE)).toEqual(bitmap.runs(false));
            expect(set.first()).toEqual(bitmap.runs(true)[0]);
            expect(set.first() === undefined).toBe(!bitmap.flags.includes(true));
          }
          expect(set.gaps(a, b)).toEqual(bitmap.runs(false, a, b));
          expect(set.firstGap(a, b)).toEqual(bitmap.runs(false, a, b)[0]);
          // What goes on from `a`, and what begins below it, is taken out.
          const holeAt = bitmap.flags.indexOf(false, a);
          const end = holeAt < 0 ? SPACE : Math.max(a, holeAt);
          expect(set.absorb(a)).toBe(end);
          bitmap.set(0, end, false);
          expect(set.gaps(0, SPACE)).toEqual(bitmap.runs(false));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('gives its ranges away lowest first, each once', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 20 }), (operations) => {
        const set = new RangeSet();
        const bitmap = new Bitmap();
        for (const { kind, start, end } of operations) {
          set[kind](start, end);
          bitmap.set(start, end, kind === 'add');
        }
        const taken = [];
        for (let next = set.first(); next !== undefined; next = set.first()) {
          taken.push(next);
          set.remove(next.start, next.end);
        }
        expect(taken).toEqual(bitmap.runs(true));
      }),
    );
  });

  it('melts ranges that touch, far up the number line', () => {
    const set = new RangeSet();
    const top = Number.MAX_SAFE_INTEGER;
    set.add(top - 10, top - 5);
    set.add(top - 5, top);
    expect(set.first()).toEqual({ start: top - 10, end: top });
    set.clear();
    expect(set.first()).toBeUndefined();
    expect(set.gaps(0, top)).toEqual([{ start: 0, end: top }]);
  });
});
