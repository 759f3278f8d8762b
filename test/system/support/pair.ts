import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import type { ProgramName } from '../../lab/checkout.ts';
import type { Network } from './namespaces.ts';
import { Origin } from './origin.ts';
import { command, Program, ROOT } from './program.ts';

export const SOCKS = '127.0.0.1:1080';
const CLIENT_METRICS_PORT = 9101;
const CONCENTRATOR_METRICS_PORT = 9102;
const ORIGIN_PORT = 8080;
/** The client's id. */
export const CLIENT_ID = 'laptop';

/** An uplink as the client's configuration names it. */
export interface ConfiguredUplink {
  readonly name: string;
  readonly interface?: string;
  readonly address?: string;
  readonly proxy?: string;
  readonly nameServers?: readonly string[];
  readonly backup?: boolean;
  readonly standby?: string;
  readonly joinAboveUtilization?: string;
  readonly metered?: Readonly<Record<string, unknown>>;
}

/** Uplinks that the client finds by itself. */
export interface AutoUplinks {
  readonly auto?: boolean;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly settings?: readonly Readonly<Record<string, unknown>>[];
  readonly list?: readonly ConfiguredUplink[];
}

/** Changes of top-level keys of a configuration. */
export type Changes = Readonly<Record<string, unknown>>;

/** Folders of the checkouts whose programs run. */
export type Releases = Readonly<Record<ProgramName, string>>;

const OWN: Releases = { 'client-proxy': ROOT, 'server-concentrator': ROOT };

/** The folder of one pair, set up with the programs' own commands; its origin; and the two programs, once started. */
export class Pair {
  readonly network: Network;
  readonly origin: Origin;
  readonly #folder: string;
  readonly #releases: Releases;
  #states = 0;
  #concentrator: Program | undefined;
  #client: Program | undefined;

  private constructor(network: Network, folder: string, releases: Releases, origin: Origin) {
    this.network = network;
    this.#folder = folder;
    this.#releases = releases;
    this.origin = origin;
  }

  /** Keys, certificate and configurations; the client's uplinks are those that `join` finds. The origin runs. */
  static async create(network: Network, releases: Releases = OWN): Promise<Pair> {
    const { client, concentrator } = network;
    const folder = await mkdtemp(join(tmpdir(), 'tributary-system-'));
    try {
      const { v4, v6 } = concentrator.address;
      const places = ['--public', `${v4}:8443`, '--public', `[${v6}]:8443`];
      const link = await command(
        concentrator,
        'server-concentrator',
        ['init', ...places, '--directory', folder, '--client', CLIENT_ID],
        releases['server-concentrator'],
      );
      const pair = new Pair(network, folder, releases, await Origin.start(network, ORIGIN_PORT));
      await command(
        client,
        'client-proxy',
        ['join', link.trim(), '--config', pair.clientFile, '--socks', SOCKS],
        releases['client-proxy'],
      );
      await pair.amend(pair.concentratorFile, {
        congestionControl: network.congestionControl,
        egress: { allow: [`${network.origin.address.v4}/32`] },
        metrics: { listen: `127.0.0.1:${CONCENTRATOR_METRICS_PORT}` },
      });
      await pair.amend(pair.clientFile, {
        metrics: { listen: `127.0.0.1:${CLIENT_METRICS_PORT}` },
        stateDir: 'usage',
      });
      return pair;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get clientFile(): string {
    return join(this.#folder, 'client.yaml');
  }

  get concentratorFile(): string {
    return join(this.#folder, 'tributary-concentrator.yaml');
  }

  /** The running client; of the last start. */
  get client(): Program {
    return this.#client!;
  }

  get concentrator(): Program {
    return this.#concentrator!;
  }

  /** Changes top-level keys of one of the configurations. */
  async amend(file: string, changes: Changes): Promise<void> {
    const document = parseDocument(await readFile(file, 'utf8'));
    for (const [key, value] of Object.entries({ log: { level: 'debug', format: 'json' }, ...changes })) {
      document.set(key, value);
    }
    await writeFile(file, String(document), { mode: 0o600 });
  }

  /** From the next start of the client on nothing is used of any cap, also where a test is tried again. */
  async forgetUsage(): Promise<void> {
    this.#states++;
    await this.amend(this.clientFile, { stateDir: `state-${this.#states}` });
  }

  /** The concentrator's list of clients. */
  readClientsFile(): Promise<string> {
    return readFile(this.#clientsFile, 'utf8');
  }

  async writeClientsFile(text: string): Promise<void> {
    await writeFile(this.#clientsFile, text, { mode: 0o600 });
  }

  get #clientsFile(): string {
    return join(this.#folder, 'clients.yaml');
  }

  /** Changes keys below `section` of the client's configuration while `use` runs. */
  async withClientChanges(section: string, changes: Changes, use: () => Promise<void>): Promise<void> {
    const original = await readFile(this.clientFile, 'utf8');
    const document = parseDocument(original);
    for (const [key, value] of Object.entries(changes)) document.setIn([section, key], value);
    await writeFile(this.clientFile, String(document), { mode: 0o600 });
    try {
      await use();
    } finally {
      await writeFile(this.clientFile, original, { mode: 0o600 });
    }
  }

  /** The client's key, as both configurations have it at this moment. */
  async secrets(): Promise<readonly string[]> {
    const files = [await readFile(this.clientFile, 'utf8'), await this.readClientsFile()];
    return files.flatMap((text) => [...text.matchAll(/\bkey: *"?([\w-]{43})"?/g)].map(([, key]) => key!));
  }

  /** Changes top-level keys of the configuration of a running program, and has it read them. */
  async reload(which: 'client' | 'concentrator', changes: Changes): Promise<void> {
    const program = this[which];
    const since = program.log.length;
    await this.amend(which === 'client' ? this.clientFile : this.concentratorFile, changes);
    program.signal('SIGHUP');
    await program.untilLog(({ msg }) => msg.startsWith('reloaded'), { since });
  }

  /** Starts both programs; resolves when a subflow is up on each of the uplinks, by default one bound to each device. */
  async start(uplinks: readonly ConfiguredUplink[] = this.byInterface()): Promise<void> {
    await this.startConcentrator();
    await this.startClient(uplinks);
    await this.untilUp(uplinks.map(({ name }) => name));
  }

  /** Starts it (again), if told that of another release. */
  async startConcentrator(folder = this.#releases['server-concentrator']): Promise<void> {
    const { concentrator } = this.network;
    await this.#concentrator?.stop();
    this.#concentrator = new Program(
      concentrator,
      'server-concentrator',
      this.concentratorFile,
      CONCENTRATOR_METRICS_PORT,
      folder,
    );
    await this.#concentrator.untilLog(({ msg }) => msg === 'concentrator is up');
  }

  async stopClient(): Promise<void> {
    await this.#client?.stop();
    this.#client = undefined;
  }

  /** Resolves when it takes SOCKS connections, subflows or not. */
  async startClient(uplinks: readonly ConfiguredUplink[] | AutoUplinks = this.byInterface()): Promise<void> {
    const { client } = this.network;
    await this.stopClient();
    await this.configureUplinks(uplinks);
    this.#client = new Program(
      client,
      'client-proxy',
      this.clientFile,
      CLIENT_METRICS_PORT,
      this.#releases['client-proxy'],
    );
    await this.#client.untilLog(({ msg }) => msg === 'client proxy is up');
  }

  /** Writes the client's uplinks into its configuration. */
  configureUplinks(uplinks: readonly ConfiguredUplink[] | AutoUplinks): Promise<void> {
    const { congestionControl } = this.network;
    const listed = (list: readonly ConfiguredUplink[]) =>
      list.map((uplink) => ({ ...uplink, congestionControl }));
    if (Array.isArray(uplinks)) return this.amend(this.clientFile, { uplinks: listed(uplinks) });
    const { list, settings: own = [], ...auto } = uplinks as AutoUplinks;
    const settings = [...own, { match: '*' }].map((entry) => ({ ...entry, congestionControl }));
    return this.amend(this.clientFile, {
      uplinks: { ...auto, settings, ...(list && { list: listed(list) }) },
    });
  }

  /** Resolves when a subflow has come up on each of these uplinks, from `since` on in the client's log. */
  async untilUp(uplinkNames: readonly string[], since = 0): Promise<void> {
    for (const name of uplinkNames) {
      await this.client.untilLog(({ msg, uplink }) => msg === 'subflow up' && uplink === name, {
        since,
        timeoutMs: 15_000,
      });
    }
  }

  byInterface(names = this.network.paths.map(({ name }) => name)): ConfiguredUplink[] {
    return names.map((name) => ({ name, interface: name }));
  }

  byAddress(family: 'v4' | 'v6'): ConfiguredUplink[] {
    return this.network.paths.map(({ name, address }) => ({ name, address: address[family] }));
  }

  /** Stops the programs and removes the folder. */
  async close(): Promise<void> {
    await Promise.all([this.#client?.stop(), this.#concentrator?.stop()]);
    this.origin.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
