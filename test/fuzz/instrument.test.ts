import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { COUNTERS_NAME, instrument } from './instrument.ts';

/** Statements and expressions whose parts a counter may not tear apart. */
const PROGRAMS: readonly { readonly name: string; readonly code: string }[] = [
  { name: 'an if without braces, nested', code: 'if (x > 1) if (x > 2) "two"; else "one"; else "none"' },
  { name: 'an else if', code: 'let r; if (x === 0) r = "a"; else if (x === 1) r = "b"; else { r = "c"; } r' },
  {
    name: 'an if without else as a body',
    code: 'let r = 0; for (let i = 0; i < x; i++) if (i % 2) r += i; r',
  },
  {
    name: 'loops',
    code: 'let r = 0; for (const i of [1, 2, x]) r += i; for (const k in { a: 1 }) r += k; while (r < 3) r++; r',
  },
  { name: 'conditions in conditions', code: 'x > 1 ? x > 2 ? "c" : "b" : x < 0 ? "z" : "a"' },
  { name: 'logic', code: '[x && 5, x || 6, x ?? 7, null ?? x, x && (x > 1 || "s")]' },
  { name: 'an arrow that makes an object', code: '(() => ({ x }))()' },
  { name: 'an arrow with a condition', code: '((y) => y > 1 ? (z) => z + y : () => 0)(x)(3)' },
  {
    name: 'a switch that falls through',
    code: 'let r = ""; switch (x) { case 0: r += "0"; case 1: case 2: r += "1"; break; default: r += "d"; } r',
  },
  {
    name: 'an error that is caught',
    code: 'let r; try { if (x) throw new Error("e"); r = 1; } catch { r = 2; } finally { r += 10; } r',
  },
  {
    name: 'a class',
    code: 'class A { constructor() { this.a = x; } } class B extends A { constructor() { super(); } get v() { return this.a ? 1 : 2; } } new B().v',
  },
];

describe('instrument', () => {
  it.each(PROGRAMS)('changes nothing of what a program does: $name', ({ code }) => {
    for (const x of [0, 1, 2, 3, -1]) {
      const { code: counting, counters } = instrument('test.js', code, 0);
      const counts = new Uint8Array(counters);
      const result = runInNewContext(counting, { x, [COUNTERS_NAME]: counts });
      expect(JSON.stringify(result), counting).toBe(JSON.stringify(runInNewContext(code, { x })));
    }
  });

  it('tells the branches of a program apart', () => {
    const { code, counters } = instrument('test.js', 'x > 1 ? "many" : "few"', 3);
    const counts = (x: number) => {
      const array = new Uint8Array(3 + counters);
      runInNewContext(code, { x, [COUNTERS_NAME]: array });
      return [...array];
    };
    expect(counts(1)).toEqual([0, 0, 0, 0, 1]);
    expect(counts(2)).toEqual([0, 0, 0, 1, 0]);
  });

  it('finds the literals that inputs are compared with', () => {
    const { numbers, texts } = instrument('test.js', 'x === 513 || x === "magic" || x === ""', 0);
    expect(numbers).toEqual([513]);
    expect(texts).toEqual(['magic']);
  });
});
