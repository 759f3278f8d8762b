import { describe, expect, it } from 'vitest';
import { isSeparator, markdownFiles, projectFile, sectionLines, shellLines } from './markdown.ts';

const DOCUMENTS = await markdownFiles();
const PAGES = DOCUMENTS.filter((path) => path.startsWith('docs/'));

const MAX_README_LINES = 200;
const MAX_README_BYTES = 14_000;
/** Longer lines are hard to read and to compare where the text is not rendered. A row of a table has to be one line. */
const MAX_LINE_CHARACTERS = 300;
/** As much as a screen shows beside a picture. */
const FIRST_SCREEN_LINES = 45;

describe('README.md', async () => {
  const readme = await projectFile('README.md');

  it(`has at most ${MAX_README_LINES} lines and ${MAX_README_BYTES} bytes`, () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(MAX_README_LINES + 1);
    expect(Buffer.byteLength(readme)).toBeLessThanOrEqual(MAX_README_BYTES);
  });

  it('has a picture and the two commands on the first screen', () => {
    const screen = readme.split('\n').slice(0, FIRST_SCREEN_LINES).join('\n');
    expect(screen).toMatch(/<img src="docs\/figures\/[a-z-]+\.svg"[^>]* alt="[^"]{40,}"/);
    expect(shellLines(screen)).toEqual(expect.arrayContaining(['npm ci && npm start', 'npm ci && npm test']));
  });

  it('has a VPS in three steps', () => {
    const steps = sectionLines(readme, '## On a VPS in three steps').filter((line) =>
      /^\*\*\d\. /.test(line),
    );
    expect(steps.map((line) => line.slice(2, 4))).toEqual(['1.', '2.', '3.']);
  });
});

it('there are pages', () => {
  expect(PAGES.length).toBeGreaterThan(8);
});

describe.each(PAGES)('%s', (page) => {
  it('has one title, and a first paragraph that says who needs the page', async () => {
    const text = (await projectFile(page)).replaceAll(/^```.*?^```$/gms, '');
    expect(text.match(/^# .+$/gm)).toHaveLength(1);
    expect(text).toMatch(/^# .+\n\nThis (page|log) is for [^|#]{20,}?\n\n/);
  });
});

describe.each(DOCUMENTS)('%s', (document) => {
  it('has no long lines, and no padding in its tables', async () => {
    const lines = (await projectFile(document)).split('\n');
    const isRow = (line: string) => line.startsWith('|');
    expect(lines.filter((line) => !isRow(line) && line.length > MAX_LINE_CHARACTERS)).toEqual([]);
    expect(lines.filter((line) => isRow(line) && / {2}/.test(line))).toEqual([]);
    expect(lines.filter((line) => isSeparator(line) && /-{4}/.test(line))).toEqual([]);
  });
});
