import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instrument } from './instrument.ts';

/** Counters of all programs together; a byte each. */
export const MAX_COUNTERS = 65_536;
/** What is fuzzed. The tests that call it are not counted. */
const PRODUCTION = ['shared', 'client-proxy', 'server-concentrator'] as const;

/** All that was instrumented. */
export interface InstrumentedPrograms {
  readonly counters: number;
  readonly numbers: readonly number[];
  readonly texts: readonly string[];
}

/**
 * Instruments the compiled programs in `folder`, in place: the compiler writes them anew before each use.
 *
 * @throws Error for more counters than there is room for
 */
export function instrumentPrograms(folder: string): InstrumentedPrograms {
  let counters = 0;
  const numbers = new Set<number>();
  const texts = new Set<string>();
  for (const path of compiledFiles(folder)) {
    const module = instrument(path, readFileSync(path, 'utf8'), counters);
    counters += module.counters;
    for (const number of module.numbers) numbers.add(number);
    for (const text of module.texts) texts.add(text);
    writeFileSync(path, module.code);
  }
  if (counters > MAX_COUNTERS) throw new Error(`${counters} places to count, room for ${MAX_COUNTERS}`);
  return { counters, numbers: [...numbers], texts: [...texts] };
}

function compiledFiles(folder: string): string[] {
  return PRODUCTION.flatMap((top) =>
    readdirSync(join(folder, top), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.js'))
      .sort()
      .map((name) => join(folder, top, name)),
  );
}
