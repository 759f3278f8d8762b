import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { FuzzTarget } from './fuzz-target.ts';
import { Fuzzer } from './fuzzer.ts';
import { COUNTERS_NAME, instrument } from './instrument.ts';
import { dictionaryOf } from './mutator.ts';

/** A fault behind four conditions, which no random input of this length meets. */
const PROGRAM = `(input) => {
  if (input[0] === 0x51) if (input[1] === 0xe7) if (input[2] > 0xf0) if (input.length > 6) throw new Error('deep');
}`;
/** Without coverage it would take some 2^37. */
const MAX_EXECUTIONS = 200_000;

describe('Fuzzer', () => {
  it('finds a fault behind several conditions, and makes its input short', () => {
    const fuzzer = fuzzerOf(PROGRAM, 1);
    const finding = run(fuzzer);
    expect(String(finding?.error)).toBe('Error: deep');
    expect([...finding!.input.subarray(0, 2)]).toEqual([0x51, 0xe7]);
    expect(finding!.input).toHaveLength(7);
    expect(fuzzer.coveredPlaces).toBeGreaterThanOrEqual(4);
  });

  it('does the same with the same seed', () => {
    const [one, other] = [fuzzerOf(PROGRAM, 7), fuzzerOf(PROGRAM, 7)];
    expect(run(one)).toEqual(run(other));
    expect(one.executions).toBe(other.executions);
  });

  it('begins with the corpus, and keeps of it what reaches something', () => {
    const useful = Uint8Array.of(0x51, 0xe7, 0xff);
    const fuzzer = fuzzerOf(PROGRAM, 1, [useful, Uint8Array.of(1), useful]);
    for (let i = 0; i < 4; i++) fuzzer.step();
    expect(fuzzer.corpus).toEqual([new Uint8Array(0), useful]);
  });
});

function fuzzerOf(program: string, seed: number, corpus: readonly Uint8Array[] = []): Fuzzer {
  const { code, counters: count, numbers, texts } = instrument('test.js', program, 0);
  const counters = new Uint8Array(count);
  const run: FuzzTarget['run'] = runInNewContext(code, { [COUNTERS_NAME]: counters, Error });
  const target: FuzzTarget = { name: 'test', maxBytes: 32, seeds: () => [], run };
  return new Fuzzer({ target, counters, dictionary: dictionaryOf(numbers, texts), corpus, seed });
}

function run(fuzzer: Fuzzer): ReturnType<Fuzzer['step']> {
  for (;;) {
    const finding = fuzzer.step();
    if (finding !== undefined || fuzzer.executions > MAX_EXECUTIONS) return finding;
  }
}
