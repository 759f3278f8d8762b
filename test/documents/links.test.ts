import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchors, localTargets, markdownFiles, projectFile } from './markdown.ts';

const DOCUMENTS = await markdownFiles();

/** The file that a link leads to, from the document that has it. */
function fileOf(target: string, document: string): string {
  const path = target.split('#')[0]!;
  return path === '' ? document : normalize(join(dirname(document), path));
}

describe.each(DOCUMENTS)('%s', (document) => {
  it('links to files and headings that exist', async () => {
    const broken: string[] = [];
    for (const target of localTargets(await projectFile(document))) {
      const file = fileOf(target, document);
      const anchor = target.split('#')[1];
      if (!existsSync(file)) broken.push(target);
      else if (anchor !== undefined && !anchors(await projectFile(file)).has(anchor)) broken.push(target);
    }
    expect(broken).toEqual([]);
  });

  it('is finished', async () => {
    const text = await projectFile(document);
    expect(text).not.toMatch(/\b(TODO|FIXME|TBD|XXX|HACK)\b|lorem ipsum|coming soon|to be written/i);
  });
});

it('README.md leads to every document, directly or through others', async () => {
  const reached = new Set(['README.md']);
  for (const document of reached) {
    for (const target of localTargets(await projectFile(document))) {
      const file = fileOf(target, document);
      if (file.endsWith('.md') && existsSync(file)) reached.add(file);
    }
  }
  expect(DOCUMENTS.filter((document) => !reached.has(document))).toEqual([]);
});

it('finds the documents that it checks', () => {
  expect(DOCUMENTS).toEqual(
    expect.arrayContaining(['README.md', 'deploy/README.md', 'docs/configuration.md']),
  );
});
