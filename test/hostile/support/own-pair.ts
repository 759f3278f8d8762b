import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { ownAddress } from '../../end-to-end/support/pair.ts';
import { Program, programFile } from '../../end-to-end/support/program.ts';
import { succeed } from './command.ts';

/** Uplinks of the pair: two source addresses on loopback. */
const UPLINKS = ['127.0.0.2', '127.0.0.3'];

/** A pair on loopback that its own commands have set up, as a user would, so that they can change it while it runs. */
export class OwnPair {
  readonly host = ownAddress();
  readonly clientId = 'laptop';
  readonly folder: string;
  /** That `init` printed. */
  link = '';
  client!: Program;
  concentrator!: Program;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Resolves when both run and each uplink has a subflow. */
  static async start(): Promise<OwnPair> {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-own-'));
    const pair = new OwnPair(folder);
    try {
      await pair.#setUp();
      return pair;
    } catch (error) {
      await pair.close().catch(() => {});
      throw error;
    }
  }

  get socks() {
    return { host: this.host, port: 21080 };
  }

  get subflows() {
    return { host: this.host, port: 28443 };
  }

  get concentratorFile(): string {
    return join(this.folder, 'tributary-concentrator.yaml');
  }

  get clientFile(): string {
    return join(this.folder, 'tributary-client.yaml');
  }

  /** Runs a command of the concentrator with its configuration. @returns what it printed */
  manage(...args: string[]): Promise<string> {
    return succeed('server-concentrator', [...args, '--config', this.concentratorFile]);
  }

  /** SIGHUP, until the program says that it has taken it over; rejects when a key would need a restart. */
  async reload(program: 'client' | 'concentrator'): Promise<void> {
    const running = this[program];
    const from = running.lineCount;
    running.child.kill('SIGHUP');
    await running.untilLine('"reloaded"', { from });
  }

  /** Changes top-level keys of a configuration. */
  async amend(file: string, changes: Readonly<Record<string, unknown>>): Promise<void> {
    const document = parseDocument(await readFile(file, 'utf8'));
    for (const [key, value] of Object.entries(changes)) document.set(key, value);
    await writeFile(file, String(document));
  }

  /** Starts the client (again); resolves when each uplink has a subflow. */
  async startClient(): Promise<void> {
    this.client = run('client-proxy', this.clientFile);
    await this.client.untilLine('"subflow up"', { count: UPLINKS.length });
  }

  async close(): Promise<void> {
    const running = [this.client, this.concentrator].filter((program) => program !== undefined);
    await Promise.allSettled(running.map((program) => program.stop()));
    await rm(this.folder, { recursive: true, force: true });
  }

  async #setUp(): Promise<void> {
    const address = `${this.host}:${this.subflows.port}`;
    this.link = await succeed('server-concentrator', [
      ...['init', '--public', address, '--listen', address],
      ...['--directory', this.folder, '--client', this.clientId],
    ]);
    await this.amend(this.concentratorFile, {
      egress: { allow: ['127.0.0.0/8'] },
      metrics: { listen: `${this.host}:29102`, hosts: ['stats.example.org'] },
      log: { format: 'json' },
    });
    const socks = `${this.host}:${this.socks.port}`;
    const join = ['join', '-', '--config', this.clientFile, '--socks', socks];
    await succeed('client-proxy', join, { input: this.link });
    await this.amend(this.clientFile, {
      uplinks: UPLINKS.map((uplink, i) => ({ name: `uplink${i}`, address: uplink })),
      metrics: { listen: `${this.host}:29101` },
      log: { format: 'json' },
    });
    this.concentrator = run('server-concentrator', this.concentratorFile);
    await this.concentrator.untilLine('concentrator is up');
    await this.startClient();
  }
}

function run(program: 'client-proxy' | 'server-concentrator', file: string): Program {
  return new Program(process.execPath, [programFile(program), '--config', file]);
}
