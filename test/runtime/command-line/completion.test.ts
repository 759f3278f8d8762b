import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { needs } from '../../support/needs.ts';
import { type ProgramName, programOutput } from '../../support/program-output.ts';
import { offered, SHELLS } from './shells.ts';

/** What stands behind the program's name, and what a shell then offers, among it or as all of it. */
const TYPED: readonly {
  readonly program: ProgramName;
  readonly words: string;
  readonly among?: readonly string[];
  readonly all?: readonly string[];
}[] = [
  { program: 'tributary-client', words: 'jo', all: ['join'] },
  {
    program: 'tributary-client',
    words: '',
    among: ['join', 'check', 'doctor', 'status', 'top', 'completion', 'help'],
  },
  { program: 'tributary-client', words: '--conf', all: ['--config'] },
  { program: 'tributary-client', words: '--vers', all: ['--version'] },
  { program: 'tributary-client', words: 'doctor --nat', all: ['--nat-timeout'] },
  { program: 'tributary-client', words: 'status --conf', all: ['--config'] },
  // The value of an option is no command.
  { program: 'tributary-client', words: '--config join usa', all: ['usage'] },
  { program: 'tributary-client', words: '--config join status --js', all: ['--json'] },
  { program: 'tributary-client', words: 'transparent --lan l', among: ['lo'] },
  { program: 'tributary-client', words: 'transparent --lan lo lo l', among: ['lo'] },
  { program: 'tributary-client', words: 'transparent --lan lo --pri', all: ['--print', '--private'] },
  { program: 'tributary-client', words: 'transparent --user roo', all: ['root'] },
  { program: 'tributary-client', words: 'completion ', all: ['bash', 'zsh', 'fish'] },
  { program: 'tributary-client', words: 'help tra', all: ['transparent'] },
  { program: 'tributary-client', words: 'join nothing', all: [] },
  { program: 'tributary-client', words: 'man-', all: [] },
  { program: 'tributary-concentrator', words: 'client rev', all: ['revoke'] },
  { program: 'tributary-concentrator', words: 'client add --pub', all: ['--publish'] },
  { program: 'tributary-concentrator', words: 'certificate ', among: ['prepare', 'switch'] },
  { program: 'tributary-concentrator', words: 'init --dir', all: ['--directory'] },
  { program: 'tributary-concentrator', words: 'qqq', all: [] },
];

describe.each(SHELLS)('completion in %s', (shell) => {
  it.each(TYPED)(
    'offers behind "$program $words" $all $among',
    needs(shell),
    async ({ program, words, among, all }) => {
      const found = await offered(shell, program, words.split(' '));
      if (all !== undefined) expect([...found].sort()).toEqual([...all].sort());
      expect(found).toEqual(expect.arrayContaining([...(among ?? [])]));
    },
  );

  it('offers files and folders where they are wanted', needs(shell), async () => {
    const folder = await temporaryDirectory();
    await writeFile(join(folder, 'one two.yaml'), '');
    const files = await offered(shell, 'tributary-client', ['--config', `${folder}/on`]);
    expect(files.join()).toMatch(/one\\? two\.yaml/);
    const folders = await offered(shell, 'tributary-concentrator', ['init', '--directory', `${folder}/on`]);
    expect(folders).toEqual([]);
  });
});

describe.each(['tributary-client', 'tributary-concentrator'] as const)('the completion of %s', (program) => {
  it.each(SHELLS)('has every command and option of the help for %s', async (shell) => {
    const script = await programOutput(program, ['completion', shell]);
    const help = await programOutput(program, ['--help']);
    const commands = [...help.matchAll(/^ {2}([a-z]+) .*$/gm)].map(([, name]) => name!);
    expect(commands).toContain('status');
    for (const command of commands) {
      expect(script).toContain(command);
      if (command === 'help' || command === 'tributary') continue;
      const options = (await programOutput(program, [command, '--help'])).match(/--[a-z-]+/g) ?? [];
      for (const option of options) expect(script).toContain(option);
    }
  });

  it('is refused for another shell', async () => {
    await expect(programOutput(program, ['completion', 'csh'])).rejects.toThrow();
  });
});
