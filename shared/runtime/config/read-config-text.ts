import { readTextFile } from '../files/read-file.ts';
import { UsageError } from './command-line.ts';
import { ConfigError, ConfigForbiddenError } from './config-error.ts';
import { MAX_CONFIG_BYTES } from './yaml-source.ts';

/** The text of a configuration. Throws ConfigError; ConfigForbiddenError where this user may not read the file. */
export async function readConfigText(file: string): Promise<string> {
  const read = await readTextFile(file, MAX_CONFIG_BYTES);
  if ('text' in read) return read.text;
  const Problem = read.isForbidden ? ConfigForbiddenError : ConfigError;
  throw new Problem([{ file, line: 1, column: 1, path: '', message: read.problem }]);
}

/** For commands that need what the configuration says: what `load` does, or UsageError with who can read it. */
export async function loadOrAdvise<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof ConfigForbiddenError)) throw error;
    throw new UsageError(`${error.message}\nRoot and the service may: run this as root`);
  }
}
