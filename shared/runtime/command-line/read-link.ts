import { resolve } from 'node:path';
import { type CommandLineDeps, UsageError } from '../config/command-line.ts';
import { readableByOthers } from '../files/private-file.ts';
import { readTextFile } from '../files/read-file.ts';
import { hasLink, linkIn } from '../identity/link-text.ts';
import type { StandardInput } from '../process/standard-input.ts';

/** What a command needs that is told a link. */
export interface LinkDeps extends Pick<CommandLineDeps, 'cwd' | 'stderr'> {
  readonly input: StandardInput;
}

/** Where a command was told to take its link from. */
interface LinkSource {
  /** The link itself, or `-` for standard input. */
  readonly argument?: string | undefined;
  readonly linkFile?: string | undefined;
  /** How it is better told than on the command line. */
  readonly better: string;
  /** The arguments that make this command read standard input, such as `join -`. */
  readonly piped: string;
}

/** A link has an address of 253 characters sixteen times over, and some hundred characters more. */
export const MAX_LINK_BYTES = 8 * 1024;
const STANDARD_INPUT = '-';

/**
 * The text of a link, from wherever it comes. It holds a key, so it should stand where other users cannot read it: a command line
 * is shown to all of them, and is kept in the shell's history. Throws UsageError.
 */
export async function readLink(source: LinkSource, deps: LinkDeps): Promise<string> {
  const { argument, linkFile, better, piped } = source;
  if (argument !== undefined && linkFile !== undefined) {
    throw new UsageError('give the link in one way: by --link-file, or otherwise');
  }
  if (linkFile !== undefined && linkFile !== STANDARD_INPUT) return fromFile(linkFile, piped, deps);
  if (argument !== undefined && argument !== STANDARD_INPUT) {
    deps.stderr(`${ARGUMENT_WARNING} ${better}\n`);
    return linkIn(argument);
  }
  const { input } = deps;
  const text =
    input.isTerminal && argument === undefined && linkFile === undefined
      ? await input.ask('Paste the link (it is not shown) and press Enter: ')
      : await input.readText(MAX_LINK_BYTES, hasLink);
  if (text === undefined || text.trim() === '') throw new UsageError('no link was given');
  return linkIn(text);
}

async function fromFile(linkFile: string, piped: string, deps: LinkDeps): Promise<string> {
  const file = resolve(deps.cwd, linkFile);
  const read = await readTextFile(file, MAX_LINK_BYTES);
  if ('problem' in read) {
    throw new UsageError(`${read.problem}; to read the link from a pipe, use "${piped}"`);
  }
  if (await readableByOthers(file)) {
    deps.stderr(
      `warning: others can read ${file}, which holds the client's key: remove it, or chmod 600 it\n`,
    );
  }
  return linkIn(read.text);
}

const ARGUMENT_WARNING =
  'warning: a link on the command line can be seen by other users of this machine, and stays in the history of the shell.';
