#!/usr/bin/env node
// Each command starts with this file alone: what it needs is loaded when it is called.
import { defaultStateDirectory } from '../shared/runtime/config/state-directory.ts';
import { endWith } from '../shared/runtime/process/exit-code.ts';
import { commandLineDeps } from '../shared/runtime/process/process-deps.ts';
import { standardInput } from '../shared/runtime/process/standard-input.ts';
import { StandardStreams } from '../shared/runtime/process/standard-streams.ts';
import { buildConcentratorCli } from './cli/concentrator-cli.ts';
import { STATE_DIRECTORY_NAME } from './clients/open-client-store.ts';
import type { ConcentratorConfig } from './config/concentrator-config.ts';
import type { PrimaryPort } from './run-worker.ts';
import { type WorkerIdentity, workerIdentity } from './worker/worker-identity.ts';

/** Of a process that a concentrator has started as one of its workers; undefined of any other. */
const worker = workerIdentity(process.env);
const streams = new StandardStreams('tributary-concentrator', process.stdout, process.stderr);

const deps = commandLineDeps(process, streams);

const stateDirectory = () => defaultStateDirectory(deps, STATE_DIRECTORY_NAME);

async function run(config: ConcentratorConfig): Promise<void> {
  const { runProgram } = await import('../shared/runtime/process/run-program.ts');
  const { workerCount } = await import('./workers/worker-count.ts');
  const count = workerCount(config.workers);
  if (count > 1) {
    await runFirst(config, count);
    return;
  }
  const { assemble } = await import('./assemble.ts');
  const { loadConcentratorConfig } = await import('./config/load-concentrator-config.ts');
  await runProgram(process, streams, config.log, async (programDeps) => {
    const concentrator = await assemble(config, { ...programDeps, stateDirectory: stateDirectory() });
    await concentrator.start();
    return {
      reload: async () => concentrator.reload(await loadConcentratorConfig(config.file)),
      close: () => concentrator.close(),
    };
  });
}

/** The first of several processes. */
async function runFirst(config: ConcentratorConfig, count: number): Promise<void> {
  const { runProgram } = await import('../shared/runtime/process/run-program.ts');
  const { Primary } = await import('./primary.ts');
  const { ClientsOfAll } = await import('./workers/clients-of-all.ts');
  const { loadConcentratorConfig } = await import('./config/load-concentrator-config.ts');
  const { format } = config.log;
  const isPretty = format === 'pretty' || (format === 'auto' && streams.isTty);
  const program = { script: process.argv[1]!, execArgv: process.execArgv, env: process.env };
  await runProgram(process, streams, config.log, async (programDeps) => {
    const clients = await ClientsOfAll.open(config, { ...programDeps, stateDirectory: stateDirectory() });
    const primary = new Primary(config, programDeps, { count, program, isPretty, clients });
    await primary.start();
    return {
      reload: async () => primary.reload(await loadConcentratorConfig(config.file)),
      close: () => primary.close(),
    };
  });
}

/** One of several processes. Signals are for the first, which tells the others. */
async function runWorker({ number, level, format }: WorkerIdentity): Promise<void> {
  const { runProgram } = await import('../shared/runtime/process/run-program.ts');
  const { Worker } = await import('./run-worker.ts');
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  const port: PrimaryPort = {
    send: (message, socket, done) => void process.send?.(message, socket, {}, done),
    onMessage: (listener) => void process.on('message', listener),
    onDisconnect: (listener) => void process.on('disconnect', listener),
  };
  let running: InstanceType<typeof Worker> | undefined;
  await runProgram(
    process,
    streams,
    { level, format, worker: number },
    async (programDeps) => {
      running = new Worker({ ...programDeps, stateDirectory: stateDirectory() }, port);
      return running;
    },
    () => running!.finished,
  );
}

const cli = buildConcentratorCli({
  ...deps,
  input: standardInput(process),
  run,
  async ownAddresses(publicAddresses) {
    const { OwnAddresses } = await import('./addresses/own-addresses.ts');
    return new OwnAddresses().find(publicAddresses);
  },
});
if (worker !== undefined) {
  await runWorker(worker);
  process.exit();
}
endWith(process, streams, await cli(process.argv.slice(2)));
