import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseDocument } from 'yaml';
import { freePort } from './free-port.ts';
import type { Janitor } from './janitor.ts';

/** What the pair on this machine is to be. */
export interface PairOptions {
  /** Where its keys and configurations are kept. */
  readonly folder: string;
  readonly socksPort: number;
  readonly metricsPorts: { readonly client: number; readonly concentrator: number };
  /** Source addresses that stand for uplinks. */
  readonly uplinkAddresses: readonly string[];
  readonly logLevel: 'warn' | 'debug';
}

/**
 * Makes keys, certificate and both configurations, by the programs' own commands, which `janitor` ends with this process.
 * @returns the files of the configurations
 */
export async function configurePair(
  options: PairOptions,
  janitor: Pick<Janitor, 'watch' | 'forget'>,
): Promise<{ concentrator: string; client: string }> {
  const { folder, socksPort, metricsPorts, uplinkAddresses, logLevel } = options;
  const log = { level: logLevel };
  const address = `127.0.0.1:${await freePort(0)}`;
  const link = await output(janitor, 'server-concentrator', [
    ...['init', '--public', address, '--listen', address],
    ...['--directory', folder, '--client', 'local'],
  ]);
  const concentrator = join(folder, 'tributary-concentrator.yaml');
  await amend(concentrator, {
    egress: { allow: ['127.0.0.0/8', '::1/128'] },
    metrics: { listen: `127.0.0.1:${metricsPorts.concentrator}` },
    log,
  });
  const client = join(folder, 'tributary-client.yaml');
  // Not as an argument, which every user of the machine can see.
  await output(
    janitor,
    'client-proxy',
    ['join', '-', '--config', client, '--socks', `127.0.0.1:${socksPort}`],
    link,
  );
  await amend(client, {
    uplinks: uplinkAddresses.map((source, i) => ({ name: `loopback-${i + 1}`, address: source })),
    metrics: { listen: `127.0.0.1:${metricsPorts.client}` },
    log,
  });
  return { concentrator, client };
}

/** The built main file of one of the two programs. */
export function programFile(name: string): string {
  return fileURLToPath(new URL(`../${name}/main.js`, import.meta.url));
}

async function amend(file: string, changes: Record<string, unknown>): Promise<void> {
  const document = parseDocument(await readFile(file, 'utf8'));
  for (const [key, value] of Object.entries(changes)) document.set(key, value);
  await writeFile(file, String(document), { mode: 0o600 });
}

/** What a set-up command prints. Throws its error output if it fails. @param input what it reads */
async function output(
  janitor: Pick<Janitor, 'watch' | 'forget'>,
  name: string,
  args: readonly string[],
  input = '',
): Promise<string> {
  const child = spawn(process.execPath, [programFile(name), ...args], { stdio: 'pipe' });
  janitor.watch(child.pid);
  // One that has ended already reads nothing: its exit code says why.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  janitor.forget();
  if (code !== 0) throw new Error(`${name} ${args[0]} failed:\n${stderr}`);
  return stdout;
}
