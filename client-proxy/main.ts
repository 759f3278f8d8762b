#!/usr/bin/env node
import { homedir, networkInterfaces } from 'node:os';
import { loadNative } from '../shared/runtime/net/native.ts';
import { createLogger } from '../shared/runtime/observe/logger.ts';
import { untilStopped } from '../shared/runtime/process-life.ts';
import { programVersion } from '../shared/runtime/version.ts';
import { buildClientCli } from './cli/client-cli.ts';
import { startClientProxy } from './client-proxy.ts';
import type { ClientConfig } from './config/client-config.ts';
import { loadClientConfig } from './config/load-client-config.ts';

const version = programVersion();
/** A first signal lets open connections finish for so long. */
const DRAIN_MS = 10_000;

async function run(config: ClientConfig): Promise<void> {
  const logger = createLogger({
    ...config.log,
    isTty: process.stdout.isTTY ?? false,
    destination: process.stdout,
  });
  const proxy = await startClientProxy(config, {
    logger,
    clock: () => performance.now(),
    random: Math.random,
    native: loadNative(),
    version,
    nodeVersion: process.version,
  });
  let isClosing = false;
  await untilStopped(process, {
    reload: async () => proxy.reload(await loadClientConfig(config.file)),
    close() {
      const drainMs = isClosing ? 0 : DRAIN_MS;
      isClosing = true;
      return proxy.close(drainMs);
    },
    onError: (error) =>
      logger.error({ reason: (error as Error).message }, 'reload failed; nothing has changed'),
  });
  logger.info('stopped');
}

const cli = buildClientCli({
  version,
  run,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  cwd: process.cwd(),
  env: process.env,
  homeDirectory: homedir(),
  isRoot: process.getuid?.() === 0,
  now: () => new Date(),
  networkInterfaces,
  interfaceBinding: () => {
    const { native, reason } = loadNative();
    return native === undefined ? { available: false, reason } : { available: true };
  },
});
process.exitCode = await cli(process.argv.slice(2));
