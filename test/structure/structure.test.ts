import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeCycle, folderCycles } from './folder-cycles.ts';
import { MAX_CORE_CLASS_MEMBERS, MAX_FILE_LINES, MAX_FUNCTION_LINES } from './limits.ts';
import { classMembers, fileLines, functionLines, type Size } from './sizes.ts';
import { CORE, parseSource, projectFolder, readSources } from './sources.ts';

const sources = readSources(projectFolder());

function tooLarge(sizes: readonly Size[], limit: number): string[] {
  return sizes
    .filter(({ size }) => size > limit)
    .map(({ name, size }) => `${name} has ${size}, ${limit} are allowed`);
}

describe('production code', () => {
  it('has no folders that need one another', () => {
    expect(folderCycles(sources).map(describeCycle)).toEqual([]);
  });

  it(`has no file above ${MAX_FILE_LINES} lines`, () => {
    expect(tooLarge(fileLines(sources), MAX_FILE_LINES)).toEqual([]);
  });

  it(`has no function above ${MAX_FUNCTION_LINES} lines`, () => {
    expect(tooLarge(functionLines(sources), MAX_FUNCTION_LINES)).toEqual([]);
  });

  it(`has no class with more than ${MAX_CORE_CLASS_MEMBERS} members in its core`, () => {
    const core = sources.filter(({ path }) => path.startsWith(CORE));
    expect(tooLarge(classMembers(core), MAX_CORE_CLASS_MEMBERS)).toEqual([]);
  });
});

describe('what tests share', () => {
  /** A hook of Vitest at the start of a line, or a list of clean-ups that has one. */
  const HOOK = /^(?:export )?(?:const \w+ = )?(?:(?:before|after)(?:Each|All)|useCleanups)\(/gm;

  it('registers no hook while it is loaded: files that share a process load it once, and the second one would have no hook', () => {
    const files = readdirSync(join(projectFolder(), 'test'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => ({ name, text: readFileSync(join(projectFolder(), 'test', name), 'utf8') }));
    expect(files.length).toBeGreaterThan(100);
    expect(
      files.flatMap(({ name, text }) => [...text.matchAll(HOOK)].map(([hook]) => `${name} ${hook}`)),
    ).toEqual([]);
  });

  it.each(['beforeAll(async () => {', 'export const onCleanup = useCleanups();'])('finds %s', (line) => {
    expect(`const one = 1;\n${line}\n`.match(HOOK)).toHaveLength(1);
  });
});

describe('what measures the structure', () => {
  it('finds each ring of folders, with the imports to end', () => {
    const files = [
      parseSource(
        'a/one.ts',
        "import type { Two } from '../b/two.ts';\nimport { three } from '../a/c/three.ts';",
      ),
      parseSource('a/c/three.ts', "export * from '../../b/two.ts';"),
      parseSource('b/two.ts', "import './same.ts';\nimport { readFile } from 'node:fs';"),
      parseSource('b/same.ts', "import { one } from '../a/one.ts';"),
    ];
    expect(folderCycles(files).map(describeCycle)).toEqual([
      'a -> b -> a\n  weakest part: a -> b\n    a/one.ts -> b/two.ts',
      'a -> a/c -> b -> a\n  weakest part: a -> a/c\n    a/one.ts -> a/c/three.ts',
    ]);
    expect(folderCycles(files.slice(0, 3))).toEqual([]);
  });

  it('counts a member once, whatever it is, and the lines of what is nested', () => {
    const text = `
class Many {
  static shared = 1;
  readonly field = 1;
  #hidden = 2;
  constructor(private readonly given: number, plain: number) {}
  get both() { return 1; }
  set both(value) {}
  #work() {}
  work = () => {
    function inner() {
      return 1;
    }
  };
}
const short = () => 1;
`;
    const source = parseSource('many.ts', text);
    expect(classMembers([source])).toEqual([{ name: 'many.ts Many', size: 7 }]);
    expect(fileLines([source])).toEqual([{ name: 'many.ts', size: 16 }]);
    const lines = functionLines([source]);
    expect(lines).toContainEqual({ name: 'many.ts inner', size: 3 });
    expect(lines).toContainEqual({ name: 'many.ts line 10', size: 5 });
    expect(lines).toContainEqual({ name: 'many.ts short', size: 1 });
  });
});
