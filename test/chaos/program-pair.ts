import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bed } from '../bed/bed.ts';
import { compiled } from '../bed/compile.ts';
import { monotonicMs } from '../lab/agent/arrivals.ts';
import { endProgram } from '../lab/programs.ts';
import { readMetrics } from '../lab/read-metrics.ts';
import { type Launch, startClient, startConcentrator } from '../lab/tributary-pair.ts';
import { type ConfiguredPair, metricsUrl } from '../lab/tributary-setup.ts';
import { UPLINKS } from './network.ts';

export type Role = 'client' | 'concentrator';

/** What a program holds when it has nothing to do. */
export interface Holdings {
  /** Live objects and compiled code, after a collection. */
  readonly heapBytes: number;
  /** Memory beside that: buffers, and what libraries in C have. */
  readonly bufferBytes: number;
  readonly descriptors: number;
  /** Sockets, timers and so on that Node.js waits for. */
  readonly handles: number;
  readonly residentBytes: number;
  /** Connections of applications. */
  readonly streams: number;
}

/** Compiled beside this module. */
const COLLECTOR = join(dirname(import.meta.filename), 'collect-on-signal.js');
/** A program whose heap grows without limit dies of this within a run. */
const HEAP_MIB = 128;
const NODE_OPTIONS = ['--expose-gc', `--max-old-space-size=${HEAP_MIB}`, '--import', COLLECTOR];
/** For a collection, and for finalizers after it. */
const COLLECT_MS = 300;
/** Of each program's output, from the start and at the end of a run. */
const KEPT_CHARACTERS = 4 << 20;
/** What the client logs of each. */
const NEW_SESSION = '"session established"';
/** Levels of the logger: an error is always a defect here. */
const ERROR_LEVEL = 50;

/** Both programs, which can be stopped, killed, started again, and given another wall clock. */
export class ProgramPair {
  /** Errors in the logs, and programs that ended by themselves. */
  readonly complaints: string[] = [];
  /** When the client had a new session, by the monotonic clock. */
  readonly sessionsAtMs: number[] = [];
  readonly output: Record<Role, string> = { client: '', concentrator: '' };
  readonly #bed: Bed;
  readonly #configured: ConfiguredPair;
  readonly #folder: string;
  /** Files that the programs have mapped. */
  readonly #clocks: Readonly<Record<Role, FileHandle>>;
  readonly #children: Partial<Record<Role, ChildProcess>> = {};
  #isStopping = false;

  private constructor(
    bed: Bed,
    configured: ConfiguredPair,
    folder: string,
    clocks: Readonly<Record<Role, FileHandle>>,
  ) {
    this.#bed = bed;
    this.#configured = configured;
    this.#folder = folder;
    this.#clocks = clocks;
  }

  /** Resolves when all uplinks carry a subflow. */
  static async start(bed: Bed, configured: ConfiguredPair): Promise<ProgramPair> {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-chaos-'));
    const [client, concentrator] = await Promise.all(
      ['client', 'concentrator'].map((role) => open(join(folder, role), 'w')),
    );
    const pair = new ProgramPair(bed, configured, folder, { client: client!, concentrator: concentrator! });
    for (const role of ['client', 'concentrator'] as const) await pair.setClock(role, 0);
    await pair.startConcentrator();
    const child = await startClient(bed.client, configured, UPLINKS, await pair.#launch('client'));
    pair.#watch('client', child);
    return pair;
  }

  async startConcentrator(): Promise<void> {
    const launch = await this.#launch('concentrator');
    this.#watch('concentrator', await startConcentrator(this.#bed.concentrator, this.#configured, launch));
  }

  async killConcentrator(): Promise<void> {
    const child = this.#children.concentrator!;
    delete this.#children.concentrator;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  signal(role: Role, signal: NodeJS.Signals): void {
    this.#children[role]?.kill(signal);
  }

  /** Moves a program's wall clock to so many seconds beside the machine's. */
  async setClock(role: Role, seconds: number): Promise<void> {
    const offset = new BigInt64Array([BigInt(Math.round(seconds * 1e3)) * 1_000_000n]);
    await this.#clocks[role].write(offset, 0, offset.byteLength, 0);
  }

  /** What a program holds now, without garbage. Rejects when it does not answer. */
  async holdings(role: Role): Promise<Holdings> {
    const [where, program] =
      role === 'client'
        ? ([this.#bed.client, 'client-proxy'] as const)
        : ([this.#bed.concentrator, 'server-concentrator'] as const);
    this.signal(role, 'SIGUSR2');
    await sleep(COLLECT_MS);
    this.signal(role, 'SIGUSR2');
    await sleep(COLLECT_MS);
    const metrics = await readMetrics(where, metricsUrl(program));
    const value = (name: string) => metrics.get(name) ?? Number.NaN;
    return {
      heapBytes: value('nodejs_heap_size_used_bytes'),
      bufferBytes: value('nodejs_external_memory_bytes'),
      descriptors: value('process_open_fds'),
      handles: value('nodejs_active_resources_total'),
      residentBytes: value('process_resident_memory_bytes'),
      streams: value('tributary_streams'),
    };
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const role of ['client', 'concentrator'] as const) {
      const child = this.#children[role];
      child?.kill('SIGCONT');
      if (child) await endProgram(child);
    }
    for (const file of Object.values(this.#clocks)) await file.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #launch(role: Role): Promise<Launch> {
    return {
      nodeOptions: NODE_OPTIONS,
      env: { LD_PRELOAD: await compiled('clock.so'), TRIBUTARY_BED_CLOCK: join(this.#folder, role) },
      onOutput: (text) => this.#hear(role, text),
    };
  }

  #watch(role: Role, child: ChildProcess): void {
    this.#children[role] = child;
    child.once('exit', (code, signal) => {
      if (this.#children[role] === child && !this.#isStopping)
        this.complaints.push(`the ${role} ended by itself (${signal ?? code})`);
    });
  }

  #hear(role: Role, text: string): void {
    if (this.output[role].length < KEPT_CHARACTERS) this.output[role] += text;
    else this.output[role] = (this.output[role] + text).slice(-KEPT_CHARACTERS);
    if (role === 'client' && text.includes(NEW_SESSION)) this.sessionsAtMs.push(monotonicMs());
    for (const line of text.split('\n')) {
      const level = Number(/^\{"level":(\d+)/.exec(line)?.[1] ?? 0);
      if (level >= ERROR_LEVEL) this.complaints.push(`the ${role} logs an error: ${line}`);
    }
  }
}
