import { Argument, type Command } from 'commander';
import type { CommandLineDeps, ProgramHelp } from '../config/command-line.ts';

/** What prints the completion for each shell. */
const SHELLS = {
  bash: async () => (await import('./bash-completion.ts')).bashCompletion,
  zsh: async () => (await import('./zsh-completion.ts')).zshCompletion,
  fish: async () => (await import('./fish-completion.ts')).fishCompletion,
} as const;

/**
 * Gives a program the commands that tell of its commands: `completion` for shells, and `man-page`, which only those call who
 * make a package, and which the help does not show. Both are made from the definitions of the commands. After all other commands.
 */
export function addShellCommands(
  program: Command,
  help: ProgramHelp,
  { stdout, version, env, now }: Pick<CommandLineDeps, 'stdout' | 'version' | 'env' | 'now'>,
): void {
  const shape = async () => (await import('./command-shape.ts')).commandShape(program);
  program
    .command('completion')
    .description('print what completes the commands and options of this program in a shell')
    .addArgument(new Argument('<shell>').choices(Object.keys(SHELLS)))
    .action(async (shell: keyof typeof SHELLS) => {
      const completion = await SHELLS[shell]();
      stdout(completion(await shape()));
    });
  program.command('man-page', { hidden: true }).action(async () => {
    const { manPage } = await import('./man-page.ts');
    // https://reproducible-builds.org/specs/source-date-epoch/
    const { SOURCE_DATE_EPOCH: seconds } = env;
    const date = seconds === undefined ? now() : new Date(Number(seconds) * 1_000);
    stdout(manPage(await shape(), { help, version, date }));
  });
}
