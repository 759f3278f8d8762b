import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { isOnPath } from './on-path.ts';

/** An IPv4 and an IPv6 address of the same place. */
export interface AddressPair {
  readonly v4: string;
  readonly v6: string;
}

export interface ExecOptions {
  /** Killed after this long; 30 s unless told. */
  timeoutMs?: number;
  /** Written to its stdin. */
  input?: string;
}

/** Output beyond this fails the command. */
const MAX_OUTPUT_BYTES = 16 << 20;

/** One network namespace of a bed, in which programs can be run. */
export class Namespace {
  /** As `ip netns` knows it. */
  readonly name: string;
  /** Where the other namespaces reach it; of the client, what its first uplink had at the start. */
  readonly address: AddressPair;
  readonly #children = new Set<ChildProcess>();
  #routeCongestionControl: string | undefined;

  constructor(name: string, address: AddressPair) {
    this.name = name;
    this.address = address;
  }

  /** Runs a command to its end. Throws an Error with its stderr when it fails or takes too long. */
  exec(command: string, args: readonly string[] = [], options: ExecOptions = {}): Promise<string> {
    return run('ip', ['netns', 'exec', this.name, command, ...args], options);
  }

  /** Starts a program, which is killed at the latest when the bed is closed. */
  spawn(command: string, args: readonly string[] = [], options: SpawnOptions = {}): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, command, ...args], options);
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    child.once('error', () => this.#children.delete(child));
    return child;
  }

  /** Writes kernel parameters, as `{'net.ipv4.ip_forward': 1}`. */
  async sysctl(values: Readonly<Record<string, string | number>>): Promise<void> {
    const lines = Object.entries(values).map(
      ([key, value]) => `echo '${value}' > /proc/sys/${key.replaceAll('.', '/')}`,
    );
    await this.exec('sh', ['-e'], { input: lines.join('\n') });
  }

  /**
   * Makes this congestion control the default of the namespace's TCP.
   *
   * The kernel lets a namespace choose only what `net.ipv4.tcp_allowed_congestion_control` of the whole machine lists, which
   * is not ours to change. For others the namespace's routes name it. The difference: a program that sets TCP_CONGESTION
   * on a socket must do so after connect, for the route overrules what was set before; and IPv6 loopback keeps the default.
   */
  async useCongestionControl(name: string): Promise<void> {
    try {
      await this.sysctl({ 'net.ipv4.tcp_congestion_control': name });
      this.#routeCongestionControl = undefined;
    } catch {
      this.#routeCongestionControl = name;
      await this.routesChanged();
    }
  }

  /** Must follow every change of routes: new ones do not name the congestion control yet. */
  async routesChanged(): Promise<void> {
    if (!this.#routeCongestionControl) return;
    for (const family of [4, 6] as const) {
      // On one line each, with the hops of a route that has several behind backslashes.
      const args = ['-oneline', '-n', this.name, `-${family}`, 'route', 'show', 'table', 'all'];
      // A link that is not up yet is told by words that no command takes.
      const routes = (await run('ip', args)).replaceAll('\\', ' ').replaceAll(/ (linkdown|dead)\b/g, '');
      // A local IPv6 route has metric 0, which no command can name.
      const kept = family === 4 ? /^(local|default|\d)/ : /^(default|fd)/;
      const lines = routes.split('\n').filter((line) => kept.test(line) && !line.includes('congctl'));
      await this.ip(
        family,
        lines.map((line) => {
          const [route, ...hops] = line.split(/(?=\bnexthop )/);
          return `route change ${route} congctl ${this.#routeCongestionControl} ${hops.join(' ')}`;
        }),
      );
    }
  }

  /** Gives lines to `ip -batch`. With `force` lines that fail are skipped. */
  async ip(family: 4 | 6, lines: readonly string[], force = false): Promise<void> {
    const args = ['-n', this.name, `-${family}`, ...(force ? ['-force'] : []), '-batch', '-'];
    const done = run('ip', args, { input: `${lines.join('\n')}\n` });
    await (force ? done.catch(() => {}) : done);
  }

  /** Kills what was spawned and waits for its end. */
  async killAll(): Promise<void> {
    const ends = [...this.#children].map((child) => once(child, 'exit'));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ends);
  }
}

/** Runs a program of this machine; answers its stdout, throws with its stderr. */
export function run(command: string, args: readonly string[], options: ExecOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = {
      timeout: options.timeoutMs ?? 30_000,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
    } as const;
    const child = execFile(command, args, limits, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(' ')}: ${stderr || error.message}`));
      else resolve(stdout);
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** Why no bed can be made on this machine; undefined when one can. */
export function whyNoBed(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    return 'no access to /dev/net/tun';
  }
  const missing = ['ip', 'cc'].filter((tool) => !isOnPath(tool));
  return missing.length > 0 ? `not installed: ${missing.join(', ')}` : undefined;
}
