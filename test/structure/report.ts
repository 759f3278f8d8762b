/**
 * `npm run structure [FOLDER]`: the structure of this project, or of another checkout of it, as a table in Markdown.
 */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describeCycle, folderCycles } from './folder-cycles.ts';
import { MAX_FILE_LINES } from './limits.ts';
import { classMembers, collectionsByText, fileLines, functionLines, type Size } from './sizes.ts';
import { CORE, projectFolder, readSources } from './sources.ts';

const folder = resolve(process.argv[2] ?? projectFolder());
const sources = readSources(folder);
const core = sources.filter(({ path }) => path.startsWith(CORE));

const cycles = folderCycles(sources);
const long = fileLines(sources).filter(({ size }) => size > MAX_FILE_LINES);
const byText = collectionsByText(core);

print('| measure | value |');
print('|---|---|');
row('largest classes (members)', largest(classMembers(sources), 5));
row('longest functions (lines)', largest(functionLines(sources), 5));
row(
  `files above ${MAX_FILE_LINES} lines`,
  `${long.length}${long.length > 0 ? `: ${largest(long, long.length)}` : ''}`,
);
row('collections of the core keyed by texts', `${byText.length}`);
row('folder cycles', `${cycles.length}`);
row('README.md', readmeSize());
if (byText.length > 0)
  print(`\nCollections keyed by texts:\n${byText.map((each) => `* ${each}`).join('\n')}`);
if (cycles.length > 0)
  print(`\nFolder cycles:\n${cycles.map((cycle) => `* ${describeCycle(cycle)}`).join('\n')}`);

function row(measure: string, value: string): void {
  print(`| ${measure} | ${value} |`);
}

function largest(sizes: readonly Size[], count: number): string {
  const sorted = [...sizes].sort((a, b) => b.size - a.size);
  return sorted
    .slice(0, count)
    .map(({ name, size }) => `${name} ${size}`)
    .join('<br>');
}

function readmeSize(): string {
  const readme = join(folder, 'README.md');
  return existsSync(readme) ? `${(statSync(readme).size / 1000).toFixed(1)} kB` : 'none';
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
