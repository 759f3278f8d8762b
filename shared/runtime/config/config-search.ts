import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TributaryError } from '../../protocol/errors.ts';

/** What of the surroundings decides where configuration files are. */
export interface ConfigPlaces {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  readonly isRoot: boolean;
}

/** No configuration file was found; the message lists where it was looked for and what to run. */
export class ConfigNotFoundError extends TributaryError {
  constructor(message: string) {
    super('internalError', message, 'ours');
  }
}

/** Where the configuration of services is. */
export const SYSTEM_DIRECTORY = '/etc/tributary';

/**
 * The configuration file to use: the one named on the command line or in `TRIBUTARY_CONFIG`, which then must exist, or
 * the first that exists in the working directory, the user's configuration directory (XDG Base Directory
 * Specification) and /etc/tributary. Root does not look in the working directory, where any user may have put a file. Throws
 * ConfigNotFoundError.
 */
export async function findConfigFile(
  {
    named,
    fileName,
    nextCommand,
  }: { readonly named?: string; readonly fileName: string; readonly nextCommand: string },
  places: ConfigPlaces,
): Promise<string> {
  const { cwd, env } = places;
  if (named !== undefined) return existing(resolve(cwd, named), 'named by --config', nextCommand);
  if (env.TRIBUTARY_CONFIG) {
    return existing(resolve(cwd, env.TRIBUTARY_CONFIG), 'named by TRIBUTARY_CONFIG', nextCommand);
  }
  const directories = [...(places.isRoot ? [] : [cwd]), userDirectory(places), SYSTEM_DIRECTORY];
  const candidates = directories.map((directory) => join(directory, fileName));
  for (const candidate of candidates) {
    if (await isThere(candidate)) return candidate;
  }
  const list = candidates.map((candidate) => `  ${candidate}`).join('\n');
  throw new ConfigNotFoundError(
    `no configuration found; looked for\n${list}\nMake one with: ${nextCommand}\nor name one with --config FILE`,
  );
}

/** Where set-up commands write when nothing is said: /etc/tributary for root, the user's own directory otherwise. */
export function defaultConfigDirectory(places: ConfigPlaces): string {
  return places.isRoot ? SYSTEM_DIRECTORY : userDirectory(places);
}

function userDirectory({ env, homeDirectory }: ConfigPlaces): string {
  // The specification says to ignore relative paths.
  const base = env.XDG_CONFIG_HOME?.startsWith('/') ? env.XDG_CONFIG_HOME : join(homeDirectory, '.config');
  return join(base, 'tributary');
}

async function existing(file: string, origin: string, nextCommand: string): Promise<string> {
  if (await isThere(file)) return file;
  throw new ConfigNotFoundError(`there is no ${file} (${origin})\nMake one with: ${nextCommand}`);
}

/** A file that is there but must not be read counts: the error then says so, instead of another file being used. */
async function isThere(file: string): Promise<boolean> {
  return access(file, constants.F_OK).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
  );
}
