import { spawnSync } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../config/temporary-directory.ts';
import { projectFolder } from './sources.ts';

const CLOCKS = [
  'Date.now()',
  'new Date()',
  'Date()',
  'performance.now()',
  'process.hrtime.bigint()',
  '{ now: Date.now }',
];

/** The places where the linter, set up as here, refuses a clock in these files; as `path:line`. */
async function refusals(files: Readonly<Record<string, string>>): Promise<string[]> {
  const project = projectFolder();
  const folder = await temporaryDirectory();
  for (const path of ['biome.json', 'test/structure/clock.grit'])
    await cp(join(project, path), join(folder, path));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const biome = join(project, 'node_modules/.bin/biome');
  const args = ['lint', '--colors=off', '--max-diagnostics=none', '--vcs-enabled=false', '.'];
  const { stdout, stderr } = spawnSync(biome, args, { cwd: folder, encoding: 'utf8' });
  return [...`${stdout}${stderr}`.matchAll(/^(\S+):(\d+):\d+ plugin/gm)].map(
    ([, path, line]) => `${path}:${line}`,
  );
}

it('refuses every clock in production code; dates that are given are none', async () => {
  const lines = CLOCKS.map((clock, i) => `export const clock${i} = ${clock};\n`).join('');
  const everyLine = (path: string) => CLOCKS.map((_, i) => `${path}:${i + 1}`);
  const found = await refusals({
    'shared/protocol/session/probe.ts': lines,
    'client-proxy/probe.ts': lines,
    'server-concentrator/probe.ts': 'export const date = new Date(Date.UTC(2026, 1));\n',
    'shared/runtime/process/process-deps.ts': lines,
    'test/probe.ts': lines,
  });
  expect(found.sort()).toEqual([
    ...everyLine('client-proxy/probe.ts'),
    ...everyLine('shared/protocol/session/probe.ts'),
  ]);
});
