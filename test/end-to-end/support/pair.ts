import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { generateCertificate } from '../../../shared/runtime/identity/certificate.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { formatClientKey, generateClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { type NameServer, type NameServerReply, startNameServer } from '../../support/name-server.ts';
import { type MetricsText, parseMetrics } from './metrics-text.ts';
import { Program, programFile } from './program.ts';

export interface PairOptions {
  /** Keys of the client's configuration that take the place of the pair's own. */
  readonly client?: Readonly<Record<string, unknown>>;
  /** The same for the concentrator. */
  readonly concentrator?: Readonly<Record<string, unknown>>;
  /** The pin in the client's configuration; that of the concentrator's certificate unless told. */
  readonly pin?: string;
  /** A client that cannot get through: what it says then is what `start` waits for. */
  readonly clientSays?: string;
  /** Commands that run a program, such as `prlimit`; its output may then be anywhere. */
  readonly under?: Readonly<Partial<Record<'client' | 'concentrator', readonly string[]>>>;
  /** Gives the concentrator this pair's own name server, which knows `origin.test`; needs the right to mount. */
  readonly nameServer?: boolean;
  /** What that name server says to all other names; that there are none unless told. */
  readonly names?: (type: 'A' | 'AAAA', name: string) => NameServerReply;
  /** What it says to questions for the names of addresses, by their name in `arpa`. */
  readonly namesOf?: (name: string) => readonly string[];
  /** Further clients that the concentrator knows. */
  readonly otherClients?: readonly string[];
  /** Ports that clients may publish, by id. */
  readonly publish?: Readonly<Record<string, readonly (number | string)[]>>;
  /** What the list of clients says of this pair's client. */
  readonly entry?: Readonly<Record<string, unknown>>;
  /** How many descriptors the concentrator may have; as many as this process unless told. */
  readonly descriptors?: number;
}

/** A name that the pair's own name server knows, as 127.0.0.1. */
export const ORIGIN_NAME = 'origin.test';
/** Uplinks of every pair: two source addresses on loopback. */
export const UPLINKS = ['left', 'right'] as const;
const CLIENT_ID = 'laptop';

/**
 * Both built programs as processes of their own:
 *
 *   test ── SOCKS5 ──► client-proxy ══ 127.0.0.2 "left"  ══╗
 *                                   ══ 127.0.0.3 "right" ══╩══► server-concentrator ──► 127.0.0.1, ::1
 *
 * Both listen at a loopback address that no other pair has, so their ports need no choosing.
 */
export class Pair {
  readonly host: string;
  readonly clientKey: Uint8Array;
  client!: Program;
  concentrator!: Program;
  readonly #folder: string;
  readonly #nameServer: NameServer | undefined;
  readonly #under: NonNullable<PairOptions['under']>;
  readonly #descriptors: number | undefined;
  readonly #otherKeys: Map<string, Uint8Array>;
  #pin = '';
  #entry: Readonly<Record<string, unknown>> = {};

  private constructor(host: string, folder: string, options: PairOptions, names: NameServer | undefined) {
    this.#under = options.under ?? {};
    this.host = host;
    this.#folder = folder;
    this.clientKey = generateClientKey();
    this.#nameServer = names;
    this.#descriptors = options.descriptors;
    this.#otherKeys = new Map(options.otherClients?.map((id) => [id, generateClientKey()]));
  }

  /** Resolves when both uplinks carry a subflow, or both have said `clientSays`. */
  static async start(options: PairOptions = {}): Promise<Pair> {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-pair-'));
    const identity = await generateCertificate(new Date());
    const names = options.nameServer ? await startOwnNameServer(options.names, options.namesOf) : undefined;
    const { pin = certificatePin(identity.certificate).text } = options;
    const pair = new Pair(ownAddress(), folder, options, names);
    await pair.#write('certificate.pem', identity.certificate);
    await pair.#write('key.pem', identity.key);
    // JSON is YAML.
    pair.#pin = pin;
    pair.#entry = options.entry ?? {};
    await pair.#writeClients(options.publish);
    await pair.#write('concentrator.yaml', JSON.stringify(pair.#concentratorConfig(options)));
    await pair.#write('client.yaml', JSON.stringify(pair.#clientConfig(options, pin)));
    if (names) await pair.#write('resolv.conf', `nameserver [127.0.0.1]:${names.address.split(':')[1]}\n`);
    try {
      await pair.startConcentrator();
      pair.startClient();
      if (options.under?.client) await pair.#untilOk('client', '/readyz');
      else
        await pair.client.untilLine(options.clientSays ?? '"subflow up"', {
          count: UPLINKS.length,
          limitMs: START_MS,
        });
    } catch (error) {
      await pair.close().catch(() => {});
      throw error;
    }
    return pair;
  }

  /** The client's configuration. */
  get clientFile(): string {
    return join(this.#folder, 'client.yaml');
  }

  /** Starts the client (again). */
  startClient(): void {
    this.client = this.#program('client', [
      ...[process.execPath, programFile('client-proxy'), '--config', this.clientFile],
    ]);
  }

  /** Gives the client other keys of its configuration in place of the pair's own, by a reload. */
  async reconfigureClient(client: PairOptions['client']): Promise<void> {
    await this.#write('client.yaml', JSON.stringify(this.#clientConfig({ client: client ?? {} }, this.#pin)));
    await reload(this.client);
  }

  /** Gives the concentrator another list of what its clients may publish, by a reload. */
  async grant(publish: PairOptions['publish']): Promise<void> {
    await this.#writeClients(publish);
    await reload(this.concentrator);
  }

  /** Has the list of clients say something else of this pair's client, by a reload. */
  async allow(entry: Readonly<Record<string, unknown>>): Promise<void> {
    this.#entry = entry;
    await this.grant({});
  }

  /** Takes clients off the concentrator's list, by a reload. */
  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#otherKeys.delete(id);
    await this.grant({});
  }

  get clientId(): string {
    return CLIENT_ID;
  }

  /** What one of `otherClients` proves itself with. */
  identityOf(id: string): { readonly id: string; readonly key: Uint8Array } {
    return { id, key: this.#otherKeys.get(id)! };
  }

  /** The concentrator's configuration. */
  get concentratorFile(): string {
    return join(this.#folder, 'concentrator.yaml');
  }

  /** What a command of the concentrator's program prints, such as `client usage`; rejects when it fails. */
  async concentratorCommand(...args: readonly string[]): Promise<string> {
    const program = [programFile('server-concentrator'), '--config', this.concentratorFile];
    return (await promisify(execFile)(process.execPath, [...program, ...args])).stdout;
  }

  /** Where SOCKS5 is spoken. */
  get socks(): Destination {
    return { host: this.host, port: 21080 };
  }

  /** Where the concentrator takes subflows. */
  get subflows(): Destination {
    return { host: this.host, port: 28443 };
  }

  /** A destination that refuses: nothing listens there, and nothing else has the address. */
  get refusing(): Destination {
    return { host: this.host, port: 9 };
  }

  /** Starts the concentrator (again); resolves when it listens. */
  async startConcentrator(): Promise<void> {
    const run = [
      ...(this.#descriptors === undefined ? [] : ['prlimit', `--nofile=${this.#descriptors}`]),
      process.execPath,
      programFile('server-concentrator'),
      '--config',
      join(this.#folder, 'concentrator.yaml'),
    ];
    const command = this.#nameServer ? [...this.#withResolverFile(), ...run] : run;
    this.concentrator = this.#program('concentrator', command);
    if (this.#under.concentrator) await this.#untilOk('concentrator', '/healthz');
    else await this.concentrator.untilLine('concentrator is up', { limitMs: START_MS });
  }

  #program(program: 'client' | 'concentrator', command: readonly string[]): Program {
    const [first, ...args] = [...(this.#under[program] ?? []), ...command];
    return new Program(first!, args);
  }

  /** Resolves when the program answers with 200; rejects after 10 s. */
  async #untilOk(program: 'client' | 'concentrator', path: string): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const answer = await this.get(program, path).catch(() => undefined);
      if (answer?.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the ${program} did not answer at ${path}:\n${this[program].output}`);
  }

  /** What a program tells at a path of its HTTP endpoint. */
  async get(program: 'client' | 'concentrator', path: string): Promise<{ status: number; text: string }> {
    const port = program === 'client' ? 29101 : 29102;
    const response = await fetch(`http://${this.host}:${port}${path}`, {
      signal: AbortSignal.timeout(5_000),
    });
    return { status: response.status, text: await response.text() };
  }

  async metrics(program: 'client' | 'concentrator'): Promise<MetricsText> {
    return parseMetrics((await this.get(program, '/metrics')).text);
  }

  /** Ends what still runs, in order, and removes the folder; rejects when a program did not end well. */
  async close(): Promise<void> {
    const running = [this.client, this.concentrator].filter((program) => program !== undefined);
    const results = await Promise.allSettled(running.map((program) => program.stop()));
    this.#nameServer?.close();
    await rm(this.#folder, { recursive: true, force: true });
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  #clientConfig({ client }: PairOptions, pin: string): object {
    return {
      concentrator: { addresses: [`${this.host}:${this.subflows.port}`], pin },
      client: { id: CLIENT_ID, key: formatClientKey(this.clientKey) },
      uplinks: UPLINKS.map((name, i) => ({ name, address: `127.0.0.${2 + i}` })),
      metrics: { listen: `${this.host}:29101` },
      log: { format: 'json' },
      ...client,
      socks: { listen: `${this.host}:${this.socks.port}`, ...(client?.socks as object | undefined) },
    };
  }

  #concentratorConfig({ concentrator }: PairOptions): object {
    return {
      listen: [`${this.host}:${this.subflows.port}`],
      egress: { allow: ['127.0.0.1/32', `${this.host}/32`, '::1/128'], deny: ['*:25', ...BEYOND_LOOPBACK] },
      metrics: { listen: `${this.host}:29102` },
      log: { format: 'json' },
      stateDir: 'state',
      ...concentrator,
    };
  }

  /** The command that runs another with our resolv.conf, in a mount namespace of its own. */
  #withResolverFile(): string[] {
    const mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
    return ['unshare', ...asRoot, '--mount', 'sh', '-c', mount, join(this.#folder, 'resolv.conf')];
  }

  #writeClients(publish: PairOptions['publish'] = {}): Promise<void> {
    const keys = [[CLIENT_ID, this.clientKey] as const, ...this.#otherKeys];
    const clients = keys.map(([id, key]) => ({
      ...{ id, key: formatClientKey(key), publish: publish[id] ?? [] },
      ...(id === CLIENT_ID ? this.#entry : {}),
    }));
    return this.#write('clients.yaml', JSON.stringify(clients));
  }

  async #write(name: string, text: string): Promise<void> {
    await writeFile(join(this.#folder, name), text, { mode: 0o600 });
  }
}

/** Resolves when the program has taken over its files. */
async function reload(program: Program): Promise<void> {
  const from = program.lineCount;
  process.kill(program.pid, 'SIGHUP');
  await program.untilLine('reloaded', { from });
}

/** Whatever a test or a browser asks for, nothing leaves this machine. */
export const BEYOND_LOOPBACK = [
  ...['0.0.0.0/2', '64.0.0.0/3', '96.0.0.0/4', '112.0.0.0/5', '120.0.0.0/6', '124.0.0.0/7', '126.0.0.0/8'],
  ...['128.0.0.0/1', '2000::/3', 'fc00::/6'],
];

/** Several processes, on a busy machine. */
export const START_MS = 30_000;

let pairs = 0;

/** A loopback address that no other pair has: in 127.64.0.0/10, by the number of this process. */
export function ownAddress(): string {
  pairs += 1;
  const number = (process.pid * 16 + (pairs % 16)) % 2 ** 22;
  return `127.${64 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
}

function startOwnNameServer(
  others: PairOptions['names'] = () => 'nxdomain',
  namesOf?: PairOptions['namesOf'],
): Promise<NameServer> {
  return startNameServer((type, name) => {
    if (name !== ORIGIN_NAME) return others(type, name);
    return { addresses: type === 'A' ? ['127.0.0.1'] : [] };
  }, namesOf);
}
