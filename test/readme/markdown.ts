import { readFile } from 'node:fs/promises';

/** The texts that are written for users, relative to the project's root. */
export const DOCUMENTS = [
  'README.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'deploy/README.md',
  'shared/README.md',
  'docs/decisions.md',
  'shared/protocol/SPEC.md',
] as const;

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

/** The rows of all tables below one heading, up to the next heading, each as its cells; without the tables' own heads. */
export function tableRows(markdown: string, heading: string): string[][] {
  const lines = markdown.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`there is no heading "${heading}"`);
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line));
  const section = lines.slice(start + 1, length < 0 ? undefined : start + 1 + length);
  return section
    .filter((line, index) => line.startsWith('|') && !/^\|( -+ \|)+$/.test(section[index + 1] ?? ''))
    .filter((line) => !/^\|( -+ \|)+$/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** A cell that is code and nothing else, without its backticks; undefined for any other. */
export function code(cell: string | undefined): string | undefined {
  return /^`([^`]+)`$/.exec(cell ?? '')?.[1];
}

/** The anchors of a text's headings, as code hosts make them. */
export function anchors(markdown: string): Set<string> {
  const headings = markdown.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
