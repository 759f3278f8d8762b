import { Command, CommanderError } from 'commander';
import { closest, distance } from 'fastest-levenshtein';
import { TributaryError } from '../../protocol/errors.ts';
import type { MonotonicClock } from '../clock.ts';
import { LinkError } from '../identity/link.ts';
import { scrubSecrets } from '../text/scrub.ts';
import { ConfigError } from './config-error.ts';
import { ConfigNotFoundError, type ConfigPlaces } from './config-search.ts';

/** What both programs' command lines get from the process. */
export interface CommandLineDeps extends ConfigPlaces {
  readonly version: string;
  /** Results, for pipes. */
  readonly stdout: (text: string) => void;
  /** Explanations and errors, for people. */
  readonly stderr: (text: string) => void;
  readonly now: () => Date;
  readonly clock: MonotonicClock;
}

/** What a program's help says. */
export interface ProgramHelp {
  readonly name: string;
  readonly description: string;
  /** What it does without a command, and the first steps. */
  readonly usage: string;
  readonly manual: ManualParts;
}

/** What only the manual page says. */
export interface ManualParts {
  /** Places of files, each with what it holds. */
  readonly files: readonly (readonly [place: string, text: string])[];
  /** Other pages of section 1. */
  readonly seeAlso: readonly string[];
}

/** A program's command line without its commands: what both have in common. */
export function programCommand({ name, description, usage }: ProgramHelp, version: string): Command {
  return new Command(name)
    .description(description)
    .version(version)
    .option('--config <file>', 'the configuration (otherwise $TRIBUTARY_CONFIG, or the first one found)')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(see --help)')
    .helpCommand(true)
    .addHelpText('after', `\n${usage}`);
}

/** An option of `status` that both have, for what looks after containers. */
export const READY_OPTION = [
  '--ready',
  'say only whether it can serve now, and why not; the exit code is 1 then',
] as const;

/** Exit codes of both programs. */
const EXIT_CODE = { ok: 0, failed: 1, usage: 2 } as const;

/** The command line is wrong; the message says what to write instead. */
export class UsageError extends TributaryError {
  constructor(message: string) {
    super('internalError', message, 'ours');
  }
}

/**
 * Runs a command line and resolves to the exit code: 0 when all went well (also for --help and --version), 2 for a
 * mistake in the command line or the configuration, 1 for a failure at work. Errors go to stderr as a plain message.
 */
export async function runCommandLine(
  command: Command,
  args: readonly string[],
  deps: CommandLineDeps,
): Promise<number> {
  const stderr = (text: string) => deps.stderr(scrubSecrets(text));
  for (const each of withSubcommands(command)) {
    each.exitOverride().configureOutput({ writeOut: deps.stdout, writeErr: stderr });
  }
  try {
    await command.parseAsync([...args], { from: 'user' });
    return EXIT_CODE.ok;
  } catch (error) {
    // The library has already reported it.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODE.ok : EXIT_CODE.usage;
    stderr(`${command.name()}: ${error instanceof Error ? error.message : String(error)}\n`);
    return isUsage(error) ? EXIT_CODE.usage : EXIT_CODE.failed;
  }
}

const USAGE_ERRORS = [UsageError, ConfigError, ConfigNotFoundError, LinkError];

function isUsage(error: unknown): boolean {
  return USAGE_ERRORS.some((type) => error instanceof type);
}

/**
 * For the action of a program without arguments: refuses words that are no command (they are not quoted back, since
 * one may be a link). Throws UsageError.
 */
export function refuseUnknownCommand(program: Command): void {
  const [word] = program.args;
  if (word === undefined) return;
  const names = program.commands.map((command) => command.name());
  const nearest = closest(word.slice(0, 32), names);
  const hint =
    distance(word.slice(0, 32), nearest) <= 2
      ? `did you mean "${nearest}"?`
      : `there are ${names.join(', ')}`;
  throw new UsageError(`unknown command: ${hint} (see --help)`);
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}
