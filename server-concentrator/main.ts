#!/usr/bin/env node
// Each command starts with this file alone: what it needs is loaded when it is called.
import { defaultStateDirectory } from '../shared/runtime/config/state-directory.ts';
import { endWith } from '../shared/runtime/process/exit-code.ts';
import { commandLineDeps } from '../shared/runtime/process/process-deps.ts';
import { StandardStreams } from '../shared/runtime/process/standard-streams.ts';
import { buildConcentratorCli } from './cli/concentrator-cli.ts';
import { STATE_DIRECTORY_NAME } from './clients/open-client-store.ts';
import type { ConcentratorConfig } from './config/concentrator-config.ts';

const streams = new StandardStreams('tributary-concentrator', process.stdout, process.stderr);

const deps = commandLineDeps(process, streams);

async function run(config: ConcentratorConfig): Promise<void> {
  const { runProgram } = await import('../shared/runtime/process/run-program.ts');
  const { assemble } = await import('./assemble.ts');
  const { loadConcentratorConfig } = await import('./config/load-concentrator-config.ts');
  const stateDirectory = defaultStateDirectory(deps, STATE_DIRECTORY_NAME);
  await runProgram(process, streams, config.log, async (programDeps) => {
    const concentrator = await assemble(config, { ...programDeps, stateDirectory });
    await concentrator.start();
    return {
      reload: async () => concentrator.reload(await loadConcentratorConfig(config.file)),
      close: () => concentrator.close(),
    };
  });
}

const cli = buildConcentratorCli({
  ...deps,
  run,
  async ownAddresses(publicAddresses) {
    const { OwnAddresses } = await import('./addresses/own-addresses.ts');
    return new OwnAddresses().find(publicAddresses);
  },
});
endWith(process, streams, await cli(process.argv.slice(2)));
