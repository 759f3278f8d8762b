import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parseDocument } from 'yaml';
import type { Endpoint } from '../agent/job.ts';

const run = promisify(execFile);
const SETUP_TIMEOUT_MS = 20_000;

/** Files of a configured pair. */
export interface PairFiles {
  readonly client: string;
  readonly concentrator: string;
}

/** An uplink as the client's configuration has it. */
export type ConfiguredUplink = { readonly name: string } & ({ readonly interface: string } | { readonly address: string });

/** Keys, certificate and configurations of a pair, made by the programs' own set-up commands in a temporary folder. */
export class TributarySetup {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<TributarySetup> {
    return new TributarySetup(await mkdtemp(join(tmpdir(), 'tributary-bench-')));
  }

  /** Sets up both programs for a concentrator at `address`, SOCKS5 at `socks`, origins in the networks `allow`. */
  async configure(
    address: Endpoint,
    socks: Endpoint,
    allow: readonly string[],
    uplinks: readonly ConfiguredUplink[],
  ): Promise<PairFiles> {
    const where = `${address.host}:${address.port}`;
    const init = ['init', '--force', '--public', where, '--listen', where, '--directory', this.folder];
    const link = await setUp('server-concentrator', [...init, '--client', 'bench']);
    const concentrator = join(this.folder, 'tributary-concentrator.yaml');
    const client = join(this.folder, 'tributary-client.yaml');
    const join_ = ['join', link.trim(), '--force', '--config', client, '--socks', `${socks.host}:${socks.port}`];
    // It ends with 1 on a machine without uplinks; ours are named below.
    await setUp('client-proxy', join_, [0, 1]);
    await amend(concentrator, { egress: { allow } });
    await amend(client, { uplinks });
    return { client, concentrator };
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The built main file of one of the programs. */
export function builtProgram(name: 'client-proxy' | 'server-concentrator'): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'dist', name, 'main.js');
    if (existsSync(file)) return file;
  }
  throw new Error(`dist/${name}/main.js not found: run "npm run build" first`);
}

async function setUp(
  name: 'client-proxy' | 'server-concentrator',
  args: readonly string[],
  goodCodes: readonly number[] = [0],
): Promise<string> {
  try {
    return (await run(process.execPath, [builtProgram(name), ...args], { timeout: SETUP_TIMEOUT_MS })).stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (goodCodes.some((good) => good === code)) return '';
    throw new Error(`${name} ${args[0]} failed: ${stderr || String(error)}`);
  }
}

async function amend(file: string, changes: Record<string, unknown>): Promise<void> {
  const document = parseDocument(await readFile(file, 'utf8'));
  for (const [key, value] of Object.entries(changes)) document.set(key, value);
  document.set('log', { level: 'info', format: 'json' });
  await writeFile(file, String(document), { mode: 0o600 });
}
