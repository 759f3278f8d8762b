import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseDocument } from 'yaml';
import type { Endpoint } from './agent/job.ts';
import { Checkout, type ProgramName } from './checkout.ts';

const run = promisify(execFile);
const COMMAND_TIMEOUT_MS = 20_000;
/** Configurations hold keys. */
const PRIVATE = { mode: 0o600 };
/** Where both programs serve their metrics, seen from their own namespaces. */
const METRICS: Readonly<Record<ProgramName, string>> = {
  'client-proxy': '127.0.0.1:9101',
  'server-concentrator': '127.0.0.1:9102',
};

/** Keys of a configuration, with dots for those within others, and their values. */
export type Changes = Readonly<Record<string, unknown>>;

/** A configured pair that can be started. */
export interface ConfiguredPair {
  /** Whose programs run. */
  readonly checkout: Checkout;
  /** The Node.js that runs them. */
  readonly node: string;
  readonly place: PairPlace;
  /** Files with the configurations. */
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

/** Numbers of the core that replace its own, by `group.name`. */
export type Tuning = Readonly<Record<string, number>>;

/** Whose programs a pair consists of, and how they are tuned: this checkout's, not at all, unless told. */
export interface SetupOptions {
  readonly checkout?: Checkout;
  readonly tuning?: Tuning;
  /** The file of the Node.js that runs them; absent: the one that runs this. */
  readonly node?: string;
}

/** Keys, certificate and configurations of a pair, made by the programs' own set-up commands in a temporary folder. */
export class TributarySetup {
  readonly checkout: Checkout;
  readonly #place: PairPlace;
  readonly #tuning: Tuning;
  readonly #node: string;
  readonly #folder: string;
  readonly #clientFile: string;
  readonly #concentratorFile: string;
  /** What the files held at first. */
  #made = { client: '', concentrator: '' };

  private constructor(place: PairPlace, { checkout, tuning, node }: Required<SetupOptions>, folder: string) {
    this.checkout = checkout;
    this.#node = node;
    this.#place = place;
    this.#tuning = tuning;
    this.#folder = folder;
    this.#clientFile = join(folder, 'tributary-client.yaml');
    this.#concentratorFile = join(folder, 'tributary-concentrator.yaml');
    process.once('exit', this.#removeAtOnce);
  }

  /** Throws an Error with the words of a program that does not know its command line or its configuration. */
  static async create(
    place: PairPlace,
    { checkout = Checkout.own(), tuning = {}, node = process.execPath }: SetupOptions = {},
  ): Promise<TributarySetup> {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-bench-'));
    const setup = new TributarySetup(place, { checkout, tuning, node }, folder);
    try {
      await setup.#make();
      // A checkout of another version may not know what is written here: better told now than in each run.
      await setup.withUplinks([{ name: 'check', interface: 'lo' }], 'cubic');
      await setup.#run('server-concentrator', ['--config', setup.#concentratorFile, 'check']);
      await setup.#run('client-proxy', ['--config', setup.#clientFile, 'check']);
    } catch (error) {
      await setup.remove();
      throw error;
    }
    return setup;
  }

  /** The pair with these uplinks for the client; both ends choose their congestion control unless told. */
  withUplinks(
    uplinks: readonly ConfiguredUplink[],
    congestionControl?: CongestionControl,
  ): Promise<ConfiguredPair> {
    const chosen = congestionControl ? { congestionControl } : {};
    return this.configured({ uplinks: uplinks.map((uplink) => ({ ...uplink, ...chosen })) }, chosen);
  }

  /** The pair as it was made, with these keys in place of its own. */
  async configured(client: Changes, concentrator: Changes = {}): Promise<ConfiguredPair> {
    await writeFile(this.#clientFile, amended(this.#made.client, client), PRIVATE);
    await writeFile(this.#concentratorFile, amended(this.#made.concentrator, concentrator), PRIVATE);
    return {
      checkout: this.checkout,
      node: this.#node,
      place: this.#place,
      client: this.#clientFile,
      concentrator: this.#concentratorFile,
    };
  }

  async remove(): Promise<void> {
    process.off('exit', this.#removeAtOnce);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #make(): Promise<void> {
    const { concentrator, socks, allow } = this.#place;
    const address = `${concentrator.host}:${concentrator.port}`;
    const places = ['--public', address, '--listen', address, '--directory', this.#folder];
    const link = await this.#run('server-concentrator', ['init', ...places, '--client', 'bench']);
    const target = ['--config', this.#clientFile, '--socks', `${socks.host}:${socks.port}`];
    // It ends with 1 on a machine without uplinks; ours are named later.
    await this.#run('client-proxy', ['join', link.trim(), ...target], [0, 1]);
    this.#made = {
      client: amended(await readFile(this.#clientFile, 'utf8'), this.#common('client-proxy')),
      concentrator: amended(await readFile(this.#concentratorFile, 'utf8'), {
        ...this.#common('server-concentrator'),
        egress: { allow },
      }),
    };
  }

  /** Keys of both configurations. A version that does not know `tuning` is not told of it without need. */
  #common(name: ProgramName): Changes {
    return {
      log: { level: 'info', format: 'json' },
      metrics: { listen: METRICS[name] },
      ...(Object.keys(this.#tuning).length === 0 ? {} : { tuning: this.#tuning }),
    };
  }

  async #run(
    name: ProgramName,
    args: readonly string[],
    goodCodes: readonly number[] = [0],
  ): Promise<string> {
    const program = this.checkout.program(name);
    try {
      return (await run(this.#node, [program, ...args], { timeout: COMMAND_TIMEOUT_MS })).stdout;
    } catch (error) {
      const { code, stderr } = error as { code?: unknown; stderr?: string };
      if (goodCodes.some((good) => good === code)) return '';
      // Not the arguments: one of them may be the link, which holds a key.
      throw new Error(`${name} of ${this.checkout.folder} failed: ${stderr?.trim() || `exit code ${code}`}`);
    }
  }

  /** Keys must not stay, however this process ends. */
  readonly #removeAtOnce = (): void => rmSync(this.#folder, { recursive: true, force: true });
}

/** Where a program of a pair serves its metrics, seen from its namespace. */
export function metricsUrl(name: ProgramName): string {
  return `http://${METRICS[name]}/metrics`;
}

function amended(yaml: string, changes: Changes): string {
  const document = parseDocument(yaml);
  for (const [path, value] of Object.entries(changes)) document.setIn(path.split('.'), value);
  return String(document);
}
