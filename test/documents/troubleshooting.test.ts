import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FINDING_CODES } from '../../client-proxy/network/finding.ts';
import { codes, projectFile, tableRows } from './markdown.ts';

const rows = tableRows(await projectFile('docs/troubleshooting.md'), '## An uplink is not used');
const messages = [...new Set(rows.flatMap(([says = '']) => codes(says)))];
const sources = await Promise.all(
  ['client-proxy', 'shared'].map(async (folder) => {
    const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.ts'));
    return Promise.all(paths.map(async (path) => joinedLiterals(await projectFile(join(folder, path)))));
  }),
);

/** A source whose texts over several lines are one. */
function joinedLiterals(source: string): string {
  return source.replaceAll(/['"`] \+\s+['"`]/g, '');
}

describe('the messages of docs/troubleshooting.md', () => {
  it('are there', () => {
    expect(messages.length).toBeGreaterThan(20);
  });

  it.each(messages)('%s', (message) => {
    const pieces = message.split('...').map((piece) => piece.trim());
    const saying = sources.flat().filter((source) => pieces.every((piece) => source.includes(piece)));
    expect(saying.length).toBeGreaterThan(0);
  });
});

it('has every finding about the way to the concentrator', async () => {
  const heading = '## What is wrong with the way to the concentrator';
  const found = tableRows(await projectFile('docs/troubleshooting.md'), heading);
  expect(found.flatMap(([cause = '']) => codes(cause)).sort()).toEqual([...FINDING_CODES].sort());
});
