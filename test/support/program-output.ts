import { expect } from 'vitest';
import { buildClientCli } from '../../client-proxy/cli/client-cli.ts';
import { buildConcentratorCli } from '../../server-concentrator/cli/concentrator-cli.ts';
import { commandLineDeps } from '../config/command-line-deps.ts';
import { NO_TERMINAL } from './no-terminal.ts';
import { EMPTY_REDIRECT_SYSTEM } from './redirect-system.ts';

export type ProgramName = 'tributary-client' | 'tributary-concentrator';

/** What a program prints that needs nothing of its machine, such as help and completion. */
export async function programOutput(
  program: ProgramName,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { deps, take } = await commandLineDeps({ env });
  const unused = () => {
    throw new Error('not for what only prints');
  };
  const input = { isTerminal: false, readText: unused, ask: unused };
  const run =
    program === 'tributary-client'
      ? buildClientCli({
          ...deps,
          input,
          terminal: NO_TERMINAL,
          networkInterfaces: unused,
          readNetwork: unused,
          interfaceBinding: unused,
          redirectSystem: async () => EMPTY_REDIRECT_SYSTEM,
          nativeSockets: unused,
          tryUplinks: unused,
          speedTest: unused,
          ownCommand: [],
          run: unused,
        })
      : buildConcentratorCli({ ...deps, input, run: unused, ownAddresses: unused });
  expect(await run(args)).toBe(0);
  return take().stdout;
}
