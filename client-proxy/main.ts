#!/usr/bin/env node
import { networkInterfaces } from 'node:os';
import { defaultStateDirectory } from '../shared/runtime/config/state-directory.ts';
import { loadNative } from '../shared/runtime/kernel/native.ts';
import { takeInheritedSockets } from '../shared/runtime/process/inherited-sockets.ts';
import { commandLineDeps, monotonicClock } from '../shared/runtime/process/process-deps.ts';
import { endWith, runProgram } from '../shared/runtime/process/run-program.ts';
import { standardInput } from '../shared/runtime/process/standard-input.ts';
import { StandardStreams } from '../shared/runtime/process/standard-streams.ts';
import { processTerminal } from '../shared/runtime/process/terminal.ts';
import { assemble } from './assemble.ts';
import { buildClientCli } from './cli/client-cli.ts';
import { tryUplinks } from './cli/try-uplinks.ts';
import type { ClientConfig } from './config/client-config.ts';
import { loadClientConfig } from './config/load-client-config.ts';
import { readNetwork } from './network/read-network.ts';
import { speedTestOf } from './speed-testing.ts';
import { redirectSystem } from './transparent/redirect-system.ts';

const streams = new StandardStreams('tributary-client', process.stdout, process.stderr);
const deps = commandLineDeps(process, streams);
// Before anything starts another program.
const inheritedSockets = takeInheritedSockets(process.env, process.pid);

const run = (config: ClientConfig) =>
  runProgram(process, streams, config.log, async (programDeps) => {
    const proxy = await assemble(config, {
      ...programDeps,
      inheritedSockets,
      stateDirectory: defaultStateDirectory(deps),
    });
    await proxy.start();
    return {
      reload: async () => proxy.reload(await loadClientConfig(config.file)),
      close: () => proxy.close(),
    };
  });

const cli = buildClientCli({
  ...deps,
  input: standardInput(process),
  terminal: processTerminal(process),
  run,
  networkInterfaces,
  readNetwork,
  nativeSockets: () => loadNative().native,
  redirectSystem,
  speedTest: speedTestOf(process, defaultStateDirectory(deps)),
  tryUplinks: (config, uplinks, view) =>
    tryUplinks(config, uplinks, { clock: monotonicClock, native: loadNative().native, view }),
  interfaceBinding: () => {
    const { native, reason } = loadNative();
    return native === undefined ? { available: false, reason } : { available: true };
  },
});
endWith(process, streams, await cli(process.argv.slice(2)));
