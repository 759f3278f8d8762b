import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buildConcentratorCli } from '../../../server-concentrator/cli/concentrator-cli.ts';
import type { ConcentratorConfig } from '../../../server-concentrator/config/concentrator-config.ts';
import { commandLineDeps } from '../../config/command-line-deps.ts';

/** The command line, in a home of its own. @param run what it does without a command */
export async function cli(run: (config: ConcentratorConfig) => Promise<void> = () => Promise.resolve()) {
  const { deps, home, take } = await commandLineDeps();
  let own: readonly string[] = ['192.0.2.1'];
  let piped: string | undefined;
  const input = {
    isTerminal: false,
    readText: () => Promise.resolve(piped),
    ask: () => Promise.reject(new Error('nobody is asked here')),
  };
  const call = buildConcentratorCli({ ...deps, input, run, ownAddresses: () => Promise.resolve(own) });
  const directory = join(home, '.config', 'tributary');
  const exec = async (...args: string[]) => ({ code: await call(args), ...take() });
  const setOwn = (addresses: readonly string[]) => {
    own = addresses;
  };
  /** What the next commands read from a pipe. */
  const pipe = (text: string) => {
    piped = text;
  };
  return { exec, home, directory, setOwn, pipe };
}

/** The permissions of a file. */
export const mode = async (file: string) => (await stat(file)).mode & 0o777;
