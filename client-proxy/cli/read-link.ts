import { resolve } from 'node:path';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { readableByOthers } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { hasLink, linkIn } from '../../shared/runtime/identity/link-text.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';

/** Where `join` was told to take its link from. */
interface LinkSource {
  /** The link itself, or `-` for standard input. */
  readonly argument?: string | undefined;
  readonly linkFile?: string | undefined;
}

/** A link has an address of 253 characters sixteen times over, and some hundred characters more. */
export const MAX_LINK_BYTES = 8 * 1024;
const STANDARD_INPUT = '-';

/**
 * The text of a link, from wherever it comes. It holds a key, so it should stand where other users cannot read it: a command line
 * is shown to all of them, and is kept in the shell's history. Throws UsageError.
 */
export async function readLink({ argument, linkFile }: LinkSource, deps: ClientCliDeps): Promise<string> {
  if (argument !== undefined && linkFile !== undefined) {
    throw new UsageError('give the link in one way: by --link-file, or otherwise');
  }
  if (linkFile !== undefined && linkFile !== STANDARD_INPUT) return fromFile(linkFile, deps);
  if (argument !== undefined && argument !== STANDARD_INPUT) {
    deps.stderr(ARGUMENT_WARNING);
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

async function fromFile(linkFile: string, deps: ClientCliDeps): Promise<string> {
  const file = resolve(deps.cwd, linkFile);
  const read = await readTextFile(file, MAX_LINK_BYTES);
  if ('problem' in read) {
    throw new UsageError(`${read.problem}; a link in a pipe is read by "tributary-client join -"`);
  }
  if (await readableByOthers(file)) {
    deps.stderr(
      `warning: others can read ${file}, which holds the client's key: remove it, or chmod 600 it\n`,
    );
  }
  return linkIn(read.text);
}

const ARGUMENT_WARNING =
  'warning: a link on the command line can be seen by other users of this machine, and stays in the history of the shell. ' +
  'Better run "tributary-client join" and paste it, or use --link-file FILE\n';
