import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { projectFile, sectionLines } from './markdown.ts';

it.each(['shared/protocol, the core', 'shared/runtime', 'client-proxy', 'server-concentrator'])(
  'ARCHITECTURE.md says what is in each folder of %s',
  async (title) => {
    const section = sectionLines(await projectFile('ARCHITECTURE.md'), `### ${title}`).join('\n');
    const [top = ''] = title.split(',');
    const entries = readdirSync(top, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `\`${name}/\``);
    expect(folders.length).toBeGreaterThan(5);
    expect(folders.filter((folder) => !section.includes(folder))).toEqual([]);
  },
);
