#!/usr/bin/env node
import { commandLineDeps, programDeps } from '../shared/runtime/process/process-deps.ts';
import { untilStopped } from '../shared/runtime/process/process-life.ts';
import { OwnAddresses } from './addresses/own-addresses.ts';
import { assemble } from './assemble.ts';
import { buildConcentratorCli } from './cli/concentrator-cli.ts';
import type { ConcentratorConfig } from './config/concentrator-config.ts';
import { loadConcentratorConfig } from './config/load-concentrator-config.ts';

async function run(config: ConcentratorConfig): Promise<void> {
  const deps = programDeps(process, config.log);
  const concentrator = await assemble(config, deps);
  await concentrator.start();
  await untilStopped(process, {
    reload: async () => concentrator.reload(await loadConcentratorConfig(config.file)),
    close: () => concentrator.close(),
    logger: deps.logger,
  });
}

const cli = buildConcentratorCli({
  ...commandLineDeps(process),
  run,
  ownAddresses: (publicAddresses) => new OwnAddresses().find(publicAddresses),
});
process.exitCode = await cli(process.argv.slice(2));
