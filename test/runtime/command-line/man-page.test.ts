import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { needs } from '../../support/needs.ts';
import { programOutput } from '../../support/program-output.ts';

const EPOCH = { SOURCE_DATE_EPOCH: '1700000000' };
const PROGRAMS = [
  { program: 'tributary-client', commands: ['join [options] [link]', 'transparent [options]'] },
  {
    program: 'tributary-concentrator',
    commands: ['client add [options] <name>', 'certificate switch [options]'],
  },
] as const;

describe.each(PROGRAMS)('the manual page of $program', ({ program, commands }) => {
  const page = () => programOutput(program, ['man-page'], EPOCH);
  const render = async (renderer: string, args: readonly string[]) => {
    const file = join(await temporaryDirectory(), `${program}.1`);
    await writeFile(file, await page());
    const environment = { ...process.env, MANWIDTH: '100', LC_ALL: 'C.UTF-8' };
    const { stdout, stderr, status } = spawnSync(renderer, [...args, file], {
      encoding: 'utf8',
      env: environment,
    });
    return { text: stdout.replace(/.[\b]/g, ''), stderr, status };
  };

  it('is the same for the same version, with the date that it is told', async () => {
    const text = await page();
    expect(text).toContain(' 1 2023-11-14 "tributary 1.2.3"');
    expect(await page()).toBe(text);
  });

  it(
    'is rendered by man without a warning, with the commands and options of the help',
    needs('man'),
    async () => {
      const { text, stderr, status } = await render('man', ['--warnings', '--local-file']);
      expect([stderr, status]).toEqual(['', 0]);
      for (const command of commands) expect(text.replaceAll(/\s+/g, ' ')).toContain(command);
      const help = await programOutput(program, ['--help']);
      for (const [, name] of help.matchAll(/^ {2}([a-z]+) .*$/gm)) expect(text).toContain(name);
      for (const [option] of help.matchAll(/--[a-z-]+/g)) expect(text).toContain(option);
      expect(text).not.toContain('man-page');
    },
  );

  it('has nothing that mandoc finds wrong', needs('mandoc'), async () => {
    const { text, status } = await render('mandoc', ['-T', 'lint', '-W', 'style']);
    expect([text, status]).toEqual(['', 0]);
  });
});
