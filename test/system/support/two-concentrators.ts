/*
 * Two concentrators, one near and one far:
 *
 *   client ══ wan0, wan1 ══► near (10.77.0.1, a router for the rest) ══ 20 ms more each way ══► far (10.77.0.2)
 *                              │
 *                              └── origin
 */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDocument } from 'yaml';
import { type Bed, createBed } from '../../bed/bed.ts';
import { type Direction, Emulator } from '../../bed/emulator.ts';
import { Namespace, run } from '../../bed/namespace.ts';
import { Origin } from './origin.ts';
import { SOCKS } from './pair.ts';
import { command, Program, ROOT } from './program.ts';
import { UdpFlows } from './udp-flows.ts';

export type Place = 'near' | 'far';

const PLACES = ['near', 'far'] as const;
/** An origin at each, for HTTP and for datagrams. */
export const PORTS = { any: 8080, far: 8081, onlyFar: 8082 } as const;
export type OriginPort = (typeof PORTS)[keyof typeof PORTS];
const PORT = 8443;
const METRICS_PORT = 9101;
/** A machine that is busy takes its time to start a program. */
const START_MS = 30_000;
const FAR = { delayMs: 20, rateMbps: 100, queueMs: 50, lossPercent: 0, jitterMs: 0, reorder: false };
const UPLINKS = ['wan0', 'wan1'];
/** Of each. */
const UPLINK = { rateMbps: 40, rttMs: 10, queueMs: 50 };

/** What curl has seen. */
export interface Fetched {
  readonly exitCode: number;
  readonly bytes: number;
  readonly tookMs: number;
}

/** What the client's status tells of a concentrator. */
export interface ConcentratorStatus {
  readonly name: string;
  readonly state: string;
  readonly chosen: boolean;
  readonly standing: boolean;
  readonly since: string | null;
  readonly streams: number;
  readonly roundTripMs: number | null;
}

/** The network drawn above with its programs. */
export class TwoConcentrators {
  readonly bed: Bed;
  readonly #origins: readonly Origin[];
  readonly folder: string;
  readonly links = new Map<Place, string>();
  readonly programs = new Map<Place, Program>();
  readonly #far: Namespace;
  readonly #emulator: Emulator;
  /** To the far one, of the emulator. */
  readonly #link: number;
  client: Program | undefined;

  private constructor(
    bed: Bed,
    origins: readonly Origin[],
    far: Namespace,
    emulator: Emulator,
    link: number,
    folder: string,
  ) {
    this.bed = bed;
    this.#origins = origins;
    this.#far = far;
    this.#emulator = emulator;
    this.#link = link;
    this.folder = folder;
  }

  static async create(): Promise<TwoConcentrators> {
    const uplinks = UPLINKS.map((name) => ({ name, ...UPLINK }));
    const bed = await createBed({ uplinks, congestionControl: 'cubic' });
    const emulator = await Emulator.start(2);
    const far = new Namespace(`tbed-${emulator.pid}-far`, { v4: '10.77.0.2', v6: 'fd77::2' });
    await run('ip', ['netns', 'add', far.name]);
    const link = await emulator.link('far', bed.concentrator.name, far.name);
    for (const direction of ['up', 'down'] as const) await emulator.set(link, direction, FAR, 625_000);
    await bed.concentrator.ip(4, [
      'link set dev far up',
      'address add 10.77.253.1/24 dev far',
      `route add ${far.address.v4}/32 dev far`,
    ]);
    await far.ip(4, [
      'link set lo up',
      'link set dev far up',
      `address add ${far.address.v4}/32 dev lo`,
      'address add 10.77.253.2/24 dev far',
      `route add default via 10.77.253.1 src ${far.address.v4}`,
    ]);
    const origins = await Promise.all(Object.values(PORTS).map((port) => Origin.start(bed, port)));
    const echo = join(ROOT, 'test', 'system', 'support', 'udp-echo.mjs');
    const places = Object.values(PORTS).flatMap((port) => [bed.origin.address.v4, String(port)]);
    const echoing = bed.origin.spawn(process.execPath, [echo, ...places], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(echoing.stdout!, 'data');
    const folder = await mkdtemp(join(tmpdir(), 'tributary-several-'));
    const it = new TwoConcentrators(bed, origins, far, emulator, link, folder);
    for (const place of PLACES) await it.#init(place);
    return it;
  }

  get clientFile(): string {
    return join(this.folder, 'client.yaml');
  }

  /** The address of a concentrator, which is where its connections come from at the origin. */
  address(place: Place): string {
    return this.#place(place).address.v4;
  }

  /** Bytes of IP packets that have passed the uplinks from and to a concentrator, or what it has forwarded: the near one is a router. */
  async octets(place: Place): Promise<Readonly<Record<Direction, number>>> {
    const far = await this.#octetsOfFar();
    if (place === 'far') return far;
    const uplinks = await Promise.all(this.bed.uplinks.map((uplink) => uplink.stats()));
    const sum = (direction: Direction) => uplinks.reduce((all, stats) => all + stats[direction].bytesOut, 0);
    return { up: sum('up') - far.up, down: sum('down') - far.down };
  }

  async #octetsOfFar(): Promise<Readonly<Record<Direction, number>>> {
    const of = async (direction: Direction) => (await this.#emulator.stats(this.#link, direction)).bytesOut;
    return { up: await of('up'), down: await of('down') };
  }

  async startConcentrator(place: Place): Promise<void> {
    await this.programs.get(place)?.stop();
    const file = join(this.folder, place, 'tributary-concentrator.yaml');
    const program = new Program(this.#place(place), 'server-concentrator', file, METRICS_PORT + 1);
    this.programs.set(place, program);
    await program.untilLog(({ msg }) => msg === 'concentrator is up', { timeoutMs: START_MS });
  }

  /** `kill -9`. */
  async kill(place: Place): Promise<void> {
    const program = this.programs.get(place)!;
    program.signal('SIGKILL');
    await program.exited;
  }

  /** No packet comes from the concentrator's address any more, nor gets there; nobody is told. `restore` ends it. */
  async silence(place: Place): Promise<void> {
    const { v4 } = this.#place(place).address;
    const hook = (name: string, rule: string) =>
      `chain ${name} { type filter hook ${name} priority 0; ${rule} ${v4} drop; }; `;
    const rules = `table ip mute { ${hook('input', 'ip daddr')}${hook('output', 'ip saddr')}}\n`;
    await this.#place(place).exec('nft', ['-f', '-'], { input: rules });
  }

  async restore(place: Place): Promise<void> {
    await this.#place(place).exec('nft', ['delete', 'table', 'ip', 'mute']);
  }

  /** Runs `join` with the link of a concentrator, which is called as its place. */
  async join(place: Place): Promise<void> {
    const link = `${this.links.get(place)}&name=${place}`;
    await command(this.bed.client, 'client-proxy', ['join', link, '--config', this.clientFile]);
    await this.amend({
      metrics: { listen: `127.0.0.1:${METRICS_PORT}` },
      stateDir: 'state',
      // TUN devices are found only where they are named.
      uplinks: UPLINKS.map((name) => ({ name, interface: name })),
      log: { level: 'debug', format: 'json' },
    });
  }

  /** Runs `leave`. */
  async leave(place: Place): Promise<void> {
    await command(this.bed.client, 'client-proxy', ['leave', place, '--config', this.clientFile]);
  }

  /** Changes top-level keys of the client's configuration. */
  async amend(changes: Readonly<Record<string, unknown>>): Promise<void> {
    const document = parseDocument(await readFile(this.clientFile, 'utf8'));
    for (const [key, value] of Object.entries(changes)) document.set(key, value);
    await writeFile(this.clientFile, String(document), { mode: 0o600 });
  }

  async startClient(): Promise<Program> {
    await this.client?.stop();
    this.client = new Program(this.bed.client, 'client-proxy', this.clientFile, METRICS_PORT);
    await this.client.untilLog(({ msg }) => msg === 'client proxy is up', { timeoutMs: START_MS });
    return this.client;
  }

  async reload(): Promise<void> {
    const client = this.client!;
    const since = client.log.length;
    client.signal('SIGHUP');
    await client.untilLog(({ msg }) => msg.startsWith('reloaded'), { since });
  }

  async status(): Promise<readonly ConcentratorStatus[]> {
    const status = (await this.client!.status()) as { concentrators?: readonly ConcentratorStatus[] };
    return status.concentrators!;
  }

  /** Resolves to how long it took until the status is so. */
  async untilStatus(
    isSo: (status: ReadonlyMap<string, ConcentratorStatus>) => boolean,
    timeoutMs = 15_000,
  ): Promise<number> {
    const startMs = performance.now();
    for (;;) {
      const status = await this.status();
      const tookMs = performance.now() - startMs;
      if (isSo(new Map(status.map((one) => [one.name, one])))) return tookMs;
      if (tookMs > timeoutMs) throw new Error(`after ${Math.round(tookMs)} ms: ${JSON.stringify(status)}`);
      await sleep(50);
    }
  }

  /** Which concentrator a new connection comes from at the origin; the exit code of curl where there is none in time. */
  async peer(port: OriginPort = PORTS.any, maxSeconds = 5): Promise<string> {
    const text = await this.#curl(['--fail', '--max-time', String(maxSeconds), `${this.#url(port)}/peer`]);
    return this.#placeIn(text) ?? text;
  }

  /** An application that sends datagrams; `ask` resolves to the concentrator that they come from at the origin. */
  async startUdp(): Promise<{
    ask(port: OriginPort, maxSeconds?: number): Promise<{ readonly from: string; readonly tookMs: number }>;
  }> {
    const flows = await UdpFlows.start(this.bed.client, SOCKS);
    return {
      ask: async (port, maxSeconds = 5) => {
        const { from, tookMs } = await flows.ask(this.bed.origin.address.v4, port, maxSeconds);
        return { from: this.#placeIn(from) ?? from, tookMs };
      },
    };
  }

  /** A download, slowed down so that it lasts. */
  async download(port: OriginPort, bytes: number, bytesPerSecond: number, maxSeconds = 60): Promise<Fetched> {
    const rate = ['--limit-rate', String(bytesPerSecond), '--max-time', String(maxSeconds)];
    const startMs = performance.now();
    const text = await this.#curl([
      ...['-o', '/dev/null', '-w', '%{size_download} ', ...rate],
      `${this.#url(port)}/bytes/${bytes}`,
    ]);
    const [got, exitCode] = text.trim().split(/\s+/).map(Number);
    return { exitCode: exitCode!, bytes: got!, tookMs: performance.now() - startMs };
  }

  async close(): Promise<void> {
    await this.client?.stop();
    for (const program of this.programs.values()) await program.stop();
    for (const origin of this.#origins) origin.stop();
    await this.#far.killAll();
    await this.#emulator.close();
    await this.bed.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** What it prints, with its exit code behind it. */
  #curl(args: readonly string[]): Promise<string> {
    const words = ['curl', '-s', '--socks5-hostname', SOCKS, ...args].map((word) => `'${word}'`).join(' ');
    return this.bed.client.exec('sh', ['-c', `${words}; echo " $?"`], { timeoutMs: 70_000 });
  }

  #url(port: OriginPort): string {
    return `http://${this.bed.origin.address.v4}:${port}`;
  }

  #place(place: Place): Namespace {
    return place === 'near' ? this.bed.concentrator : this.#far;
  }

  #placeIn(text: string): Place | undefined {
    return PLACES.find((place) => text.includes(this.#source(place)));
  }

  /** Where its connections to the origin come from. */
  #source(place: Place): string {
    return place === 'near' ? '10.77.254.1' : this.#far.address.v4;
  }

  async #init(place: Place): Promise<void> {
    const directory = join(this.folder, place);
    const where = `${this.address(place)}:${PORT}`;
    const args = ['init', '--public', where, '--directory', directory, '--client', 'laptop'];
    this.links.set(place, (await command(this.#place(place), 'server-concentrator', args)).trim());
    const file = join(directory, 'tributary-concentrator.yaml');
    const document = parseDocument(await readFile(file, 'utf8'));
    document.set('log', { level: 'debug', format: 'json' });
    document.set('congestionControl', 'cubic');
    document.set('egress', { allow: [`${this.bed.origin.address.v4}/32`] });
    document.set('metrics', { listen: `127.0.0.1:${METRICS_PORT + 1}` });
    await writeFile(file, String(document), { mode: 0o600 });
  }
}
