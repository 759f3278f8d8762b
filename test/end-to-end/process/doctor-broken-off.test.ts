import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { parseDocument } from 'yaml';
import { readUsageFile, USAGE_FILE_NAME } from '../../../client-proxy/metering/usage-file.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import type { ProgramName } from '../../lab/checkout.ts';
import { programFile } from '../support/program.ts';

/** The doctor waits so long for TLS, */
const PATIENCE = '1m';
/** and ends long before. */
const AT_ONCE_MS = 40_000;

/** A doctor whose concentrator takes connections and says nothing; its uplink is metered. */
async function startDoctor() {
  let onHello = () => {};
  const asked = new Promise<void>((resolve) => {
    onHello = resolve;
  });
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}).once('data', onHello);
  });
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(server.listen({ host: '127.0.0.1', port: 0 }), 'listening');
  const folder = await temporaryDirectory();
  const file = join(folder, 'client.yaml');
  const { port } = server.address() as AddressInfo;
  const link = await command('server-concentrator', [
    'init',
    '--public',
    `127.0.0.1:${port}`,
    '--directory',
    folder,
  ]);
  await command('client-proxy', ['join', link.trim(), '--config', file]);
  const document = parseDocument(await readFile(file, 'utf8'));
  const changes = {
    uplinks: [{ name: 'lte', address: '127.0.0.2', metered: {} }],
    dial: { timeout: PATIENCE },
    stateDir: folder,
  };
  for (const [key, value] of Object.entries(changes)) document.set(key, value);
  await writeFile(file, String(document));
  const child = spawn(process.execPath, [programFile('client-proxy'), 'doctor', '--config', file], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const used = async () => {
    const kept = await readUsageFile(join(folder, USAGE_FILE_NAME));
    return kept.kind === 'read' ? kept.usage.get('lte')?.month.sentBytes : undefined;
  };
  return { child, asked, used };
}

const ended = (child: ChildProcess) => once(child, 'exit', { signal: AbortSignal.timeout(AT_ONCE_MS) });

async function command(...[program, args]: readonly [ProgramName, readonly string[]]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [programFile(program), ...args])).stdout;
}

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'counts what it has used, and ends by %s',
  async (signal) => {
    const { child, asked, used } = await startDoctor();
    child.stdout!.resume();
    await asked;
    child.kill(signal);
    expect(await ended(child)).toEqual([null, signal]);
    expect(await used()).toBeGreaterThan(0);
  },
);

it('goes on with nothing that nobody reads', async () => {
  const { child } = await startDoctor();
  child.stdout!.destroy();
  expect(await ended(child)).toEqual([1, null]);
});
