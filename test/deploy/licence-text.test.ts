import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { installedComponent, licenceText } from '../../deploy/release/component.ts';
import { projectFile } from '../documents/markdown.ts';

const GRANT =
  'Copyright (c) 2014 Somebody\n\nPermission is hereby granted, free of charge, to any person.\n\nTHE SOFTWARE IS PROVIDED "AS IS".';

it.each([
  ['a file', { LICENSE: GRANT }, GRANT],
  ['a file, with a section as well', { LICENSE: GRANT, 'README.md': '## License\n\nMIT\n' }, GRANT],
  ['two files', { NOTICE: 'notice', license: GRANT }, `notice\n\n${GRANT}`],
  ['a section', { 'README.md': `# Package\n\n## license\n\n${GRANT}\n` }, `license\n\n${GRANT}`],
  [
    'a section before another',
    { 'README.md': `## License\n\n${GRANT}\n\n## Other\n` },
    `License\n\n${GRANT}`,
  ],
  ['a section that only names it', { 'README.md': '## License\n\nMIT\n\n## Other\n\nCopyright me\n' }, ''],
  ['nothing', { 'README.md': '# Package\n' }, ''],
  ['no README', {}, ''],
])('a licence is handed on from %s', (_, files, expected) => {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-licence-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  expect(licenceText(folder)).toBe(expected);
});

it('all packages that the programs depend on have one', async () => {
  const { packages } = JSON.parse(await projectFile('package-lock.json')) as {
    packages: Record<string, { dev?: true; optional?: true; devOptional?: true }>;
  };
  const needed = Object.entries(packages).filter(
    ([folder, { dev, optional, devOptional }]) => folder !== '' && !dev && !optional && !devOptional,
  );
  expect(needed.length).toBeGreaterThan(5);
  for (const [folder] of needed) expect(installedComponent(folder).licenceText.length).toBeGreaterThan(100);
});
