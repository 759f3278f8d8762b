import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCorpus } from './corpus-file.ts';
import { FUZZ_TARGETS } from './targets/all.ts';

const CORPUS = join(import.meta.dirname, 'corpus');

describe('inputs that fuzzing has found', () => {
  it.each(FUZZ_TARGETS)('are taken well: $name', (target) => {
    const inputs = [...target.seeds(), ...readCorpus(CORPUS, target.name)];
    expect(inputs.length).toBeGreaterThan(3);
    for (const input of inputs) target.run(input);
  });

  it('are those of targets that there are', () => {
    expect(existsSync(CORPUS)).toBe(true);
    const names = readdirSync(CORPUS).map((file) => file.replace(/\.txt$/, ''));
    expect(names.sort()).toEqual(FUZZ_TARGETS.map(({ name }) => name).sort());
  });
});
