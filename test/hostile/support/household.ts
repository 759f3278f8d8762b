/*
 * A client proxy that serves other machines, and origins beyond:
 *
 *    namespace thos-<pid>-<n>-app          -box                                             -origin
 *   ┌─────────────────┐   veth   ┌─────────────────────────────────────────┐   veth   ┌─────────────────┐
 *   │ lan 10.79.1.2   │◄────────►│ app0 10.79.1.1        wan0 10.79.2.1    │◄────────►│ wan 10.79.2.2   │
 *   │     10.79.1.3   │          │ client ═════════════════► concentrator  │          │     10.79.2.3   │
 *   └─────────────────┘          └─────────────────────────────────────────┘          └─────────────────┘
 *
 * The second address at either side is that of a machine that vanishes.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateCertificate } from '../../../shared/runtime/identity/certificate.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { formatClientKey, generateClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { Namespace, run } from '../../bed/namespace.ts';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import { undertaker } from '../../system/support/namespaces.ts';
import { Program, ROOT } from '../../system/support/program.ts';

const BOX_LAN = '10.79.1.1';
const BOX_WAN = '10.79.2.1';
/** Of machines that stay, and of those that vanish. */
export const APPLICATION = { staying: '10.79.1.2', vanishing: '10.79.1.3' } as const;
export const ORIGIN = { staying: '10.79.2.2', vanishing: '10.79.2.3' } as const;
/** Origins of ports from here on are reached directly. */
export const DIRECT_PORT = 9000;
const SOCKS_PORT = 1080;
const LOGIN = ['tester', 'secret'] as const;
const LINE_LIMIT_MS = 30_000;

let households = 0;

/** What an application is told to do; see application.mjs. */
export interface Task {
  readonly id: string;
  readonly count: number;
  readonly from?: string;
  readonly host: string;
  readonly port: number;
  readonly send?: number;
  readonly ending: 'idle' | 'half-close' | 'close' | 'deaf';
}

/** A program in a namespace that says lines. */
class Speaker {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #wake = new Set<() => void>();

  constructor(namespace: Namespace, script: string, args: readonly string[]) {
    const file = join(ROOT, 'test', 'hostile', 'support', script);
    this.#child = namespace.spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    eachWholeLine(this.#child.stdout!, (line) => {
      this.#lines.push(line);
      for (const wake of [...this.#wake]) wake();
    });
  }

  tell(command: object): void {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`);
  }

  /** The rest of the first `count` lines that begin so. */
  async heard(beginning: string, count = 1, limitMs = LINE_LIMIT_MS): Promise<string[]> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const found = this.#lines.filter((line) => line.startsWith(beginning));
      if (found.length >= count) return found.map((line) => line.slice(beginning.length).trim());
      const leftMs = deadline - performance.now();
      if (leftMs <= 0)
        throw new Error(`not heard ${count} times: ${beginning}\n${this.#lines.slice(-20).join('\n')}`);
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#wake.delete(done);
          resolve();
        };
        const timer = setTimeout(done, leftMs);
        this.#wake.add(done);
      });
    }
  }
}

/** The network drawn above with both programs, an application and origins. */
export class Household {
  readonly app: Namespace;
  readonly box: Namespace;
  readonly origin: Namespace;
  client!: Program;
  concentrator!: Program;
  applications!: Speaker;
  origins!: Speaker;
  readonly #undertaker: ChildProcess;
  #folder = '';

  private constructor() {
    const name = (role: string) => `thos-${process.pid}-${households}-${role}`;
    households++;
    this.app = new Namespace(name('app'), { v4: APPLICATION.staying, v6: '' });
    this.box = new Namespace(name('box'), { v4: BOX_WAN, v6: '' });
    this.origin = new Namespace(name('origin'), { v4: ORIGIN.staying, v6: '' });
    this.#undertaker = undertaker([this.app.name, this.box.name, this.origin.name]);
  }

  /** @param changes of both configurations, by their top-level keys */
  static async create(changes: Readonly<Record<string, unknown>> = {}): Promise<Household> {
    const household = new Household();
    try {
      await household.#wire();
      await household.#start(changes);
    } catch (error) {
      await household.close();
      throw error;
    }
    return household;
  }

  /** Tells an application what to do. @returns how many of its connections were made */
  async do(task: Task): Promise<number> {
    this.applications.tell(task);
    const [opened] = await this.applications.heard(`open ${task.id} `);
    return Number(opened);
  }

  /** How many connections of a task still answer. */
  async echo(id: string): Promise<number> {
    this.applications.tell({ echo: id });
    const [echoed] = await this.applications.heard(`echoed ${id} `);
    return Number(echoed);
  }

  /** From now on the second address of a side is silent: nothing comes from it, and it hears nothing. */
  async vanish(side: 'app' | 'origin'): Promise<void> {
    const { vanishing } = side === 'app' ? APPLICATION : ORIGIN;
    const rules =
      `table ip hole { chain in { type filter hook prerouting priority raw; ip daddr ${vanishing} drop; }; ` +
      `chain out { type filter hook output priority raw; ip saddr ${vanishing} drop; }; }`;
    await this[side].exec('nft', ['-f', '-'], { input: `${rules}\n` });
  }

  /** Sockets of the box whose other end is this one, in any state that a program of it holds. */
  async sockets(remote: { readonly host: string; readonly port?: number }): Promise<number> {
    const { host, port } = remote;
    const filter = port === undefined ? ['dst', host] : ['dst', `${host}:${port}`];
    const lines = await this.box.exec('ss', ['-Htnp', 'state', 'connected', ...filter]);
    return lines.split('\n').filter((line) => line.includes('users:')).length;
  }

  /** Streams at the client and at the concentrator. */
  streams(): Promise<[number, number]> {
    return Promise.all([
      this.client.metric('tributary_streams'),
      this.concentrator.metric('tributary_streams'),
    ]);
  }

  async close(): Promise<void> {
    await Promise.all([this.client?.stop(), this.concentrator?.stop()]);
    const gone = once(this.#undertaker, 'exit');
    this.#undertaker.stdin?.end();
    await gone;
    if (this.#folder !== '') await rm(this.#folder, { recursive: true, force: true });
  }

  async #wire(): Promise<void> {
    const { app, box, origin } = this;
    for (const namespace of [app, box, origin]) {
      await run('ip', ['netns', 'add', namespace.name]);
      await namespace.ip(4, ['link set lo up']);
    }
    await box.ip(4, [
      `link add app0 type veth peer name lan netns ${app.name}`,
      `link add wan0 type veth peer name wan netns ${origin.name}`,
      'link set app0 up',
      'link set wan0 up',
      `address add ${BOX_LAN}/24 dev app0`,
      `address add ${BOX_WAN}/24 dev wan0`,
    ]);
    await app.ip(4, [
      'link set lan up',
      ...Object.values(APPLICATION).map((one) => `address add ${one}/24 dev lan`),
    ]);
    await origin.ip(4, [
      'link set wan up',
      ...Object.values(ORIGIN).map((one) => `address add ${one}/24 dev wan`),
    ]);
  }

  async #start(changes: Readonly<Record<string, unknown>>): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'tributary-household-'));
    const { certificate, key } = await generateCertificate(new Date());
    const clientKey = formatClientKey(generateClientKey());
    const file = async (name: string, content: string | object) => {
      const path = join(this.#folder, name);
      await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
      return path;
    };
    await file('certificate.pem', certificate);
    await file('key.pem', key);
    await file('clients.yaml', [{ id: 'laptop', key: clientKey }]);
    const common = { metrics: { listen: '127.0.0.1:9101' }, log: { format: 'json' }, ...changes };
    const concentratorFile = await file('concentrator.yaml', {
      ...common,
      listen: [`${BOX_WAN}:8443`],
      egress: { allow: ['10.79.2.0/24'] },
      metrics: { listen: '127.0.0.1:9102' },
    });
    const clientFile = await file('client.yaml', {
      ...common,
      concentrator: { addresses: [`${BOX_WAN}:8443`], pin: certificatePin(certificate).text },
      client: { id: 'laptop', key: clientKey },
      socks: {
        listen: `${BOX_LAN}:${SOCKS_PORT}`,
        users: [{ name: LOGIN[0], password: LOGIN[1] }],
      },
      uplinks: [{ name: 'wire', address: BOX_WAN }],
      steering: { rules: [{ port: `${DIRECT_PORT}-9999`, direct: 'wire' }] },
    });
    this.concentrator = new Program(this.box, 'server-concentrator', concentratorFile, 9102);
    await this.concentrator.untilLog(({ msg }) => msg === 'concentrator is up');
    this.client = new Program(this.box, 'client-proxy', clientFile, 9101);
    await this.client.untilLog(({ msg }) => msg === 'subflow up');
    this.origins = new Speaker(this.origin, 'origin.mjs', Object.values(ORIGIN));
    await this.origins.heard('ready');
    this.applications = new Speaker(this.app, 'application.mjs', [BOX_LAN, String(SOCKS_PORT), ...LOGIN]);
  }
}

/** Resolves when `condition` holds; answers how long it took. Throws after `limitMs`. */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  limitMs: number,
): Promise<number> {
  const startedMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedMs > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return performance.now() - startedMs;
}
