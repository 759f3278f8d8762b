#!/usr/bin/env node
import { commandLineDeps } from '../shared/runtime/process/process-deps.ts';
import { endWith, runProgram } from '../shared/runtime/process/run-program.ts';
import { StandardStreams } from '../shared/runtime/process/standard-streams.ts';
import { OwnAddresses } from './addresses/own-addresses.ts';
import { assemble } from './assemble.ts';
import { buildConcentratorCli } from './cli/concentrator-cli.ts';
import type { ConcentratorConfig } from './config/concentrator-config.ts';
import { loadConcentratorConfig } from './config/load-concentrator-config.ts';

const streams = new StandardStreams('tributary-concentrator', process.stdout, process.stderr);

const run = (config: ConcentratorConfig) =>
  runProgram(process, streams, config.log, async (deps) => {
    const concentrator = await assemble(config, deps);
    await concentrator.start();
    return {
      reload: async () => concentrator.reload(await loadConcentratorConfig(config.file)),
      close: () => concentrator.close(),
    };
  });

const cli = buildConcentratorCli({
  ...commandLineDeps(process, streams),
  run,
  ownAddresses: (publicAddresses) => new OwnAddresses().find(publicAddresses),
});
endWith(process, streams, await cli(process.argv.slice(2)));
