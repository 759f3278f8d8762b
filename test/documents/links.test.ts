import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchors, DOCUMENTS, projectFile } from './markdown.ts';

describe.each(DOCUMENTS)('%s', (document) => {
  it('links to files and headings that exist', async () => {
    const text = await projectFile(document);
    const targets = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
    const broken: string[] = [];
    for (const target of targets.filter((target) => !/^https?:/.test(target))) {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? document : normalize(join(dirname(document), path));
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
