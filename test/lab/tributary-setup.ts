import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parseDocument } from 'yaml';
import type { Endpoint } from './agent/job.ts';

const run = promisify(execFile);
const SETUP_TIMEOUT_MS = 20_000;
/** Configurations hold keys. */
const PRIVATE = { mode: 0o600 };

/** Keys of a configuration, with dots for those within others, and their values. */
export type Changes = Readonly<Record<string, unknown>>;

/** Files of a configured pair. */
export interface PairFiles {
  readonly client: string;
  readonly concentrator: string;
}

/** An uplink as the client's configuration has it. */
export type ConfiguredUplink = { readonly name: string } & (
  | { readonly interface: string }
  | { readonly address: string }
);

/** What both programs can be told to use in place of their own choice. */
export type CongestionControl = 'cubic' | 'bbr';

/** Where a pair is to be. */
export interface PairPlace {
  readonly concentrator: Endpoint;
  readonly socks: Endpoint;
  /** Networks of the origins. */
  readonly allow: readonly string[];
}

/** Keys, certificate and configurations of a pair, made by the programs' own set-up commands in a temporary folder. */
export class TributarySetup {
  readonly #folder: string;
  readonly #files: PairFiles;
  /** What the files held at first. */
  #made: PairFiles = { client: '', concentrator: '' };

  private constructor(folder: string) {
    this.#folder = folder;
    process.once('exit', this.#removeAtOnce);
    this.#files = {
      client: join(folder, 'tributary-client.yaml'),
      concentrator: join(folder, 'tributary-concentrator.yaml'),
    };
  }

  static async create({ concentrator, socks, allow }: PairPlace): Promise<TributarySetup> {
    const setup = new TributarySetup(await mkdtemp(join(tmpdir(), 'tributary-bench-')));
    try {
      const address = `${concentrator.host}:${concentrator.port}`;
      const places = ['--public', address, '--listen', address, '--directory', setup.#folder];
      const link = await setUp('server-concentrator', ['init', ...places, '--client', 'bench']);
      const target = ['--config', setup.#files.client, '--socks', `${socks.host}:${socks.port}`];
      // It ends with 1 on a machine without uplinks; ours are named later.
      await setUp('client-proxy', ['join', link.trim(), ...target], [0, 1]);
      setup.#made = {
        client: await readFile(setup.#files.client, 'utf8'),
        concentrator: amended(await readFile(setup.#files.concentrator, 'utf8'), { egress: { allow } }),
      };
    } catch (error) {
      await setup.remove();
      throw error;
    }
    return setup;
  }

  /** The configurations, with these uplinks for the client; both ends choose their congestion control unless told. */
  withUplinks(
    uplinks: readonly ConfiguredUplink[],
    congestionControl?: CongestionControl,
  ): Promise<PairFiles> {
    const chosen = congestionControl ? { congestionControl } : {};
    return this.configured({ uplinks: uplinks.map((uplink) => ({ ...uplink, ...chosen })) }, chosen);
  }

  /** The configurations as they were made, with these keys in place of theirs. */
  async configured(client: Changes, concentrator: Changes = {}): Promise<PairFiles> {
    await writeFile(this.#files.client, amended(this.#made.client, client), PRIVATE);
    await writeFile(this.#files.concentrator, amended(this.#made.concentrator, concentrator), PRIVATE);
    return this.#files;
  }

  async remove(): Promise<void> {
    process.off('exit', this.#removeAtOnce);
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Keys must not stay, however this process ends. */
  readonly #removeAtOnce = (): void => rmSync(this.#folder, { recursive: true, force: true });
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

function amended(yaml: string, changes: Changes): string {
  const document = parseDocument(yaml);
  for (const [path, value] of Object.entries(changes)) document.setIn(path.split('.'), value);
  document.set('log', { level: 'info', format: 'json' });
  return String(document);
}
