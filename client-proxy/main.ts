#!/usr/bin/env node
import { networkInterfaces } from 'node:os';
import { defaultStateDirectory } from '../shared/runtime/config/state-directory.ts';
import { loadNative } from '../shared/runtime/kernel/native.ts';
import { commandLineDeps, programDeps } from '../shared/runtime/process/process-deps.ts';
import { untilStopped } from '../shared/runtime/process/process-life.ts';
import { standardInput } from '../shared/runtime/process/standard-input.ts';
import { assemble } from './assemble.ts';
import { buildClientCli } from './cli/client-cli.ts';
import type { ClientConfig } from './config/client-config.ts';
import { loadClientConfig } from './config/load-client-config.ts';
import { NetworkReader } from './network/network-reader.ts';

async function run(config: ClientConfig): Promise<void> {
  const deps = programDeps(process, config.log);
  const stateDirectory = defaultStateDirectory(commandLineDeps(process));
  const proxy = await assemble(config, { ...deps, stateDirectory });
  await proxy.start();
  await untilStopped(process, {
    reload: async () => proxy.reload(await loadClientConfig(config.file)),
    close: () => proxy.close(),
    logger: deps.logger,
  });
}

const cli = buildClientCli({
  ...commandLineDeps(process),
  input: standardInput(process),
  run,
  networkInterfaces,
  readNetwork: (destinations) => new NetworkReader(destinations).read(),
  interfaceBinding: () => {
    const { native, reason } = loadNative();
    return native === undefined ? { available: false, reason } : { available: true };
  },
});
process.exitCode = await cli(process.argv.slice(2));
