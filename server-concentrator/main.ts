#!/usr/bin/env node
import { homedir } from 'node:os';
import { loadNative } from '../shared/runtime/net/native.ts';
import { createLogger } from '../shared/runtime/observe/logger.ts';
import { untilStopped } from '../shared/runtime/process-life.ts';
import { programVersion } from '../shared/runtime/version.ts';
import { buildConcentratorCli } from './cli/concentrator-cli.ts';
import { startConcentrator } from './concentrator.ts';
import type { ConcentratorConfig } from './config/concentrator-config.ts';
import { loadConcentratorConfig } from './config/load-concentrator-config.ts';

const version = programVersion();

async function run(config: ConcentratorConfig): Promise<void> {
  const logger = createLogger({
    ...config.log,
    isTty: process.stdout.isTTY ?? false,
    destination: process.stdout,
  });
  const concentrator = await startConcentrator(config, {
    logger,
    clock: () => performance.now(),
    native: loadNative(),
    version,
    nodeVersion: process.version,
  });
  await untilStopped(process, {
    reload: async () => concentrator.reload(await loadConcentratorConfig(config.file)),
    close: () => concentrator.close(),
    onError: (error) =>
      logger.error({ reason: (error as Error).message }, 'reload failed; nothing has changed'),
  });
  logger.info('stopped');
}

const cli = buildConcentratorCli({
  version,
  run,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  cwd: process.cwd(),
  env: process.env,
  homeDirectory: homedir(),
  isRoot: process.getuid?.() === 0,
  now: () => new Date(),
});
process.exitCode = await cli(process.argv.slice(2));
