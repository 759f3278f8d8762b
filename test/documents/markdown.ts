import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders whose texts are not the project's own. */
const FOREIGN = [
  ...['node_modules', 'dist', 'coverage', 'build', 'release'],
  ...['bench-results', 'chaos-results', 'load-results', 'use-case-results'],
];

/** Paths of all Markdown files of the project, relative to its root, sorted. Hidden folders are left out. */
export async function markdownFiles(folder = '.'): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isFile()) return path.endsWith('.md') ? [path] : [];
      const isOwn = entry.isDirectory() && !entry.name.startsWith('.') && !FOREIGN.includes(entry.name);
      return isOwn ? markdownFiles(path) : [];
    }),
  );
  return found.flat().sort();
}

/** A file of the project; tests run in its root. */
export function projectFile(path: string): Promise<string> {
  return readFile(path, 'utf8');
}

/** The lines of all shell blocks (```sh) of a Markdown text, in order. */
export function shellLines(markdown: string): string[] {
  return [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)]
    .flatMap(([, block = '']) => block.split('\n'))
    .filter((line) => line.trim() !== '');
}

/** Shell lines cut into single commands where `&&` joins them. */
export function shellCommands(lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split('&&')).map((command) => command.trim());
}

/**
 * The lines below a heading such as `## Client`, with those below its own subheadings.
 * Throws an Error when there is no such heading.
 */
export function sectionLines(markdown: string, heading: string): string[] {
  const lines = markdown.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`there is no heading "${heading}"`);
  const rest = lines.slice(start + 1);
  const level = heading.indexOf(' ');
  const length = rest.findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level);
  return length < 0 ? rest : rest.slice(0, length);
}

/** The rows of all tables of a section, each as its cells; without the tables' own heads. */
export function tableRows(markdown: string, heading: string): string[][] {
  const section = sectionLines(markdown, heading);
  return section
    .filter((line, index) => line.startsWith('|') && !isSeparator(section[index + 1] ?? ''))
    .filter((line) => !isSeparator(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** Whether a line divides the head of a table from its rows. */
export function isSeparator(line: string): boolean {
  return /^\|( -+ \|)+$/.test(line);
}

/** A cell that is code and nothing else, without its backticks; undefined for any other. */
export function code(cell: string | undefined): string | undefined {
  return /^`([^`]+)`$/.exec(cell ?? '')?.[1];
}

/** All pieces of code in a text, without their backticks. */
export function codes(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, piece = '']) => piece);
}

/** The anchors of a text's headings, as code hosts make them. */
export function anchors(markdown: string): Set<string> {
  const headings = withoutBlocks(markdown).matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** The targets of all links and pictures of a text that stay within the project. */
export function localTargets(markdown: string): string[] {
  const text = withoutBlocks(markdown);
  const targets = [...text.matchAll(/\]\(([^)]+)\)|\b(?:src|srcset|href)="([^"]+)"/g)];
  return targets
    .map(([, link, attribute]) => link ?? attribute ?? '')
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** A text without its fenced blocks. */
function withoutBlocks(markdown: string): string {
  return markdown.replaceAll(/^```.*?^```$/gms, '');
}
