import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseDocument } from 'yaml';
import type { Outcome, Report } from '../../../shared/runtime/doctor/finding.ts';
import type { Verdict } from '../../../shared/runtime/doctor/verdict.ts';
import type { ProgramName } from '../../lab/checkout.ts';
import type { Network } from '../support/namespaces.ts';
import { type AutoUplinks, type Changes, type ConfiguredUplink, Pair } from '../support/pair.ts';
import { command, Program, programFile, ROOT } from '../support/program.ts';

/** What `doctor --json` printed, and how it ended. */
export interface Diagnosis {
  readonly exitCode: number;
  readonly checks: readonly Report[];
  readonly verdict: Verdict;
}

/** The concentrator's name, which the name server at the far end of each path knows. */
export const NAME = 'vps.test';
/** Where another concentrator listens, that nobody here knows. */
export const STRANGER_PORT = 9443;
/** Several times what an examination takes on a machine of its own. */
const LONGEST_MS = 60_000;
/** As short as shows anything: a second at the slowest. */
const SPEED_BYTES = '300KB';

/** A pair whose concentrator runs, a stranger beside it, a name server, and doctors with configurations of their own. */
export class DoctorBed {
  readonly pair: Pair;
  readonly #network: Network;
  readonly #folder: string;
  readonly #stranger: Program;
  readonly #stopNames: () => void;
  #configs = 0;

  private constructor(
    pair: Pair,
    network: Network,
    folder: string,
    stranger: Program,
    stopNames: () => void,
  ) {
    this.pair = pair;
    this.#network = network;
    this.#folder = folder;
    this.#stranger = stranger;
    this.#stopNames = stopNames;
  }

  static async create(network: Network): Promise<DoctorBed> {
    const pair = await Pair.create(network);
    const folder = await mkdtemp(join(tmpdir(), 'tributary-doctor-'));
    const { concentrator } = network;
    const [places, where] = [
      ['--public', `${concentrator.address.v4}:${STRANGER_PORT}`],
      ['--directory', folder],
    ];
    const listen = ['--listen', `0.0.0.0:${STRANGER_PORT}`, '--listen', `[::]:${STRANGER_PORT}`];
    await command(concentrator, 'server-concentrator', ['init', ...places, ...where, ...listen]);
    const file = join(folder, 'tributary-concentrator.yaml');
    await pair.amend(file, { metrics: { listen: '127.0.0.1:9103' } });
    const stranger = new Program(concentrator, 'server-concentrator', file, 9103);
    await stranger.untilLog(({ msg }) => msg === 'concentrator is up');
    await pair.startConcentrator();
    const names = [`${NAME}=${concentrator.address.v4}`];
    const server = concentrator.spawn(
      process.execPath,
      [join(ROOT, 'test', 'system', 'support', 'name-server.mjs'), '0.0.0.0', ...names],
      { stdio: 'ignore' },
    );
    return new DoctorBed(pair, network, folder, stranger, () => server.kill());
  }

  /** Runs the client's doctor over these uplinks, with top-level keys of its configuration replaced. */
  async examine(
    uplinks: readonly ConfiguredUplink[] | AutoUplinks,
    { changes = {}, args = [], env = {} }: ExamineOptions = {},
  ): Promise<Diagnosis> {
    const file = await this.#configure(uplinks, changes);
    const words = ['doctor', '--json', '--speed-bytes', SPEED_BYTES, '--config', file, ...args];
    return this.#run('client', 'client-proxy', words, env);
  }

  /** Runs the concentrator's doctor. */
  examineConcentrator(file = this.pair.concentratorFile): Promise<Diagnosis> {
    return this.#run('concentrator', 'server-concentrator', ['doctor', '--json', '--config', file], {});
  }

  async close(): Promise<void> {
    this.#stopNames();
    await this.#stranger.stop();
    await this.pair.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #configure(uplinks: readonly ConfiguredUplink[] | AutoUplinks, changes: Changes): Promise<string> {
    const document = parseDocument(await readFile(this.pair.clientFile, 'utf8'));
    const { congestionControl } = this.#network;
    const listed = Array.isArray(uplinks)
      ? uplinks.map((uplink: ConfiguredUplink) => ({ ...uplink, congestionControl }))
      : uplinks;
    const keys = { uplinks: listed, dial: { timeout: '1s' }, ...changes };
    for (const [key, value] of Object.entries(keys)) {
      if (key.includes('.')) document.setIn(key.split('.'), value);
      else document.set(key, value);
    }
    const file = join(dirname(this.pair.clientFile), `doctor-${this.#configs++}.yaml`);
    await writeFile(file, String(document), { mode: 0o600 });
    return file;
  }

  async #run(
    where: 'client' | 'concentrator',
    program: ProgramName,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<Diagnosis> {
    const main = programFile(program);
    const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    const script = 'env "$@" 2> /dev/null; code=$?; echo; echo $code';
    const words = ['-c', script, 'sh', ...settings, process.execPath, main, ...args];
    const limit = { timeoutMs: LONGEST_MS };
    const printed = (await this.#network[where].exec('sh', words, limit)).trimEnd();
    const end = printed.lastIndexOf('\n');
    const exitCode = Number(printed.slice(end));
    return { exitCode, ...JSON.parse(printed.slice(0, end)) };
  }
}

export interface ExamineOptions {
  /** Keys of the client's configuration; `a.b` for one below another. */
  readonly changes?: Changes;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The checks of an uplink that were not all well, by name. */
export function troublesOf({ checks }: Diagnosis, uplink: string | null): Record<string, Outcome> {
  const bad = checks.filter(
    (report) => report.uplink === uplink && (report.outcome === 'failed' || report.outcome === 'warning'),
  );
  return Object.fromEntries(bad.map(({ check, outcome }) => [check, outcome]));
}

/** What was said of them. */
export function saidOf({ checks }: Diagnosis, uplink: string | null): string {
  return checks
    .filter((report) => report.uplink === uplink)
    .map(({ check, outcome, words }) => `${outcome} ${check}: ${words}`)
    .join('\n');
}
