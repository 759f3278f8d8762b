#!/usr/bin/env node
// Each command starts with this file alone: what it needs is loaded when it is called.
import { networkInterfaces } from 'node:os';
import { defaultStateDirectory } from '../shared/runtime/config/state-directory.ts';
import { loadNative } from '../shared/runtime/kernel/native.ts';
import { beforeEnd } from '../shared/runtime/process/before-end.ts';
import { endWith } from '../shared/runtime/process/exit-code.ts';
import { takeInheritedSockets } from '../shared/runtime/process/inherited-sockets.ts';
import { commandLineDeps, monotonicClock } from '../shared/runtime/process/process-deps.ts';
import { standardInput } from '../shared/runtime/process/standard-input.ts';
import { StandardStreams } from '../shared/runtime/process/standard-streams.ts';
import { processTerminal } from '../shared/runtime/process/terminal.ts';
import { buildClientCli } from './cli/client-cli.ts';
import type { ClientConfig } from './config/client-config.ts';

const streams = new StandardStreams('tributary-client', process.stdout, process.stderr);
const deps = commandLineDeps(process, streams);
// Before anything starts another program.
const inheritedSockets = takeInheritedSockets(process.env, process.pid);

async function run(config: ClientConfig): Promise<void> {
  const { runProgram } = await import('../shared/runtime/process/run-program.ts');
  const { assemble } = await import('./assemble.ts');
  await runProgram(process, streams, config.log, async (programDeps) => {
    const proxy = await assemble(config, {
      ...programDeps,
      inheritedSockets,
      stateDirectory: defaultStateDirectory(deps),
      timeZone: process.env.TZ,
    });
    await proxy.start();
    return {
      reload: () => proxy.reloadFile(),
      close: () => proxy.close(),
    };
  });
}

const cli = buildClientCli({
  ...deps,
  input: standardInput(process),
  terminal: processTerminal(process),
  run,
  ownCommand: [process.execPath, process.argv[1]!],
  networkInterfaces,
  beforeEnd: (work) => beforeEnd(process, streams, work),
  async readNetwork(...wanted) {
    const { readNetwork } = await import('./network/read-network.ts');
    return readNetwork(...wanted);
  },
  nativeSockets: () => loadNative().native,
  async redirectSystem() {
    const { redirectSystem } = await import('./transparent/redirect-system.ts');
    return redirectSystem;
  },
  async tryUplinks(config, uplinks, view, usageFile) {
    const { tryUplinks } = await import('./cli/try-uplinks.ts');
    const { native } = loadNative();
    const wallClock = () => deps.now().getTime();
    return tryUplinks(config, uplinks, { clock: monotonicClock, wallClock, native, view, usageFile });
  },
  async speedTest(...wanted) {
    const { speedTestOf } = await import('./speed-testing.ts');
    return speedTestOf(process, defaultStateDirectory(deps))(...wanted);
  },
  interfaceBinding: () => {
    const { native, reason } = loadNative();
    return native === undefined ? { available: false, reason } : { available: true };
  },
});
endWith(process, streams, await cli(process.argv.slice(2)));
