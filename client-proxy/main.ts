#!/usr/bin/env node
import { networkInterfaces } from 'node:os';
import { defaultStateDirectory } from '../shared/runtime/config/state-directory.ts';
import { loadNative } from '../shared/runtime/kernel/native.ts';
import { commandLineDeps, programDeps } from '../shared/runtime/process/process-deps.ts';
import { untilStopped } from '../shared/runtime/process/process-life.ts';
import { buildClientCli } from './cli/client-cli.ts';
import { startClientProxy } from './client-proxy.ts';
import type { ClientConfig } from './config/client-config.ts';
import { loadClientConfig } from './config/load-client-config.ts';
import { NetworkReader } from './network/network-reader.ts';

/** A first signal lets open connections finish for so long. */
const DRAIN_MS = 10_000;

async function run(config: ClientConfig): Promise<void> {
  const deps = programDeps(process, config.log);
  const stateDirectory = defaultStateDirectory(commandLineDeps(process));
  const proxy = await startClientProxy(config, { ...deps, stateDirectory });
  let isClosing = false;
  await untilStopped(process, {
    reload: async () => proxy.reload(await loadClientConfig(config.file)),
    close() {
      const drainMs = isClosing ? 0 : DRAIN_MS;
      isClosing = true;
      return proxy.close(drainMs);
    },
    logger: deps.logger,
  });
}

const cli = buildClientCli({
  ...commandLineDeps(process),
  run,
  networkInterfaces,
  readNetwork: (destinations) => new NetworkReader(destinations).read(),
  interfaceBinding: () => {
    const { native, reason } = loadNative();
    return native === undefined ? { available: false, reason } : { available: true };
  },
});
process.exitCode = await cli(process.argv.slice(2));
