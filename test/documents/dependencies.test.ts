import { describe, expect, it } from 'vitest';
import { code, projectFile, tableRows } from './markdown.ts';

const page = await projectFile('docs/dependencies.md');
const { dependencies, optionalDependencies, devDependencies } = JSON.parse(
  await projectFile('package.json'),
) as Record<'dependencies' | 'optionalDependencies' | 'devDependencies', Record<string, string>>;

/** The packages of one table: the rows that follow a line, up to the next text. */
function packagesAfter(line: string): string[][] {
  const start = page.indexOf(line);
  if (start < 0) throw new Error(`there is no line "${line}"`);
  const [table = ''] = page
    .slice(start + line.length)
    .trimStart()
    .split('\n\n');
  return tableRows(`# Packages\n${table}`, '# Packages');
}

describe.each([
  { line: 'The programs need these:', packages: dependencies },
  {
    line: 'This one is optional, on Linux. Without it uplinks bind by address:',
    packages: optionalDependencies,
  },
  { line: 'These are for development only:', packages: devDependencies },
])('docs/dependencies.md: $line', ({ line, packages }) => {
  const rows = packagesAfter(line);

  it('has every package of package.json, and no other', () => {
    expect(rows.map(([name]) => code(name))).toEqual(Object.keys(packages).sort());
  });

  it('says of each why it is here, and what it replaces', () => {
    expect(rows.filter(([, , why, replaced]) => !why || !replaced)).toEqual([]);
  });

  it.each(rows.map(([name, licence]) => ({ name: code(name)!, licence })))(
    '$name has the licence $licence',
    async ({ name, licence }) => {
      const installed = JSON.parse(await projectFile(`node_modules/${name}/package.json`));
      expect(installed.license).toBe(licence);
    },
  );
});
