import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codes, localTargets, projectFile, sectionLines, tableRows } from './markdown.ts';

const security = await projectFile('SECURITY.md');
const model = sectionLines(security, '## Threat model');
const rows = tableRows(security, '## Threat model');
const actors = model.filter((line) => line.startsWith('### '));

/** The test files that a text names: as links, or as code. */
function testsIn(text: string): string[] {
  const named = [...localTargets(text), ...codes(text)].filter((name) => name.endsWith('.test.ts'));
  return named.map((name) => normalize(join('.', name)));
}

describe('the threat model of SECURITY.md', () => {
  it('has actors, each with what it can try', () => {
    expect(actors.length).toBeGreaterThan(7);
    const empty = actors.filter((actor) => tableRows(security, actor).length === 0);
    expect(empty).toEqual([]);
  });

  it('has no table but those of its actors', () => {
    expect(actors.flatMap((actor) => tableRows(security, actor))).toEqual(rows);
  });

  it.each(rows)('%s: %s: says what holds, and which test shows it', (where, _what, holds, shownBy) => {
    expect(where).toMatch(/^([1-5](, [1-5])*|files|process)$/);
    expect(holds).not.toBe('');
    const tests = testsIn(shownBy ?? '');
    expect(tests).not.toEqual([]);
    expect(tests.filter((test) => !existsSync(test))).toEqual([]);
  });

  it('shows each test that is there against hostile peers', async () => {
    const hostile = await readdir('test/hostile', { recursive: true });
    const named = new Set(testsIn(security));
    const missing = hostile.filter(
      (name) => name.endsWith('.test.ts') && !named.has(join('test/hostile', name)),
    );
    expect(missing).toEqual([]);
  });
});

it('every test that SECURITY.md names exists', () => {
  expect(testsIn(security).filter((test) => !existsSync(test))).toEqual([]);
});
