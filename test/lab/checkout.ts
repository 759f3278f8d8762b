import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** The two programs, by the folders that hold them. */
export type ProgramName = 'client-proxy' | 'server-concentrator';

const GIT_TIMEOUT_MS = 5_000;
/** What the programs are built from. */
export const SOURCE_FOLDERS = ['client-proxy', 'server-concentrator', 'shared'];
const HOW_TO_BUILD = 'npm ci && npm run build';
/** Names the environment variable with the folder of this checkout's bundled programs; tests set it. Without it, the build is run. */
export const BUNDLED_PROGRAMS_VARIABLE = 'TRIBUTARY_TESTS_BUNDLED';
const BUNDLED_FILES: Readonly<Record<ProgramName, string>> = {
  'client-proxy': 'tributary-client.js',
  'server-concentrator': 'tributary-concentrator.js',
};

/** A checkout of this project with built programs. */
export class Checkout {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** The checkout that this module belongs to. It is not checked: npm scripts build it before they start a program. */
  static own(): Checkout {
    for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
      if (existsSync(join(folder, 'package.json'))) return new Checkout(folder);
    }
    throw new Error(`no package.json above ${import.meta.dirname}`);
  }

  /**
   * The checkout in a folder. Throws an Error that names the command to run when the folder is no checkout of this project,
   * or when its programs are not built or are older than their sources.
   */
  static async at(folder: string): Promise<Checkout> {
    if ((await packageName(folder)) !== (await packageName(Checkout.own().folder)))
      throw new Error(`${folder} is not a checkout of this project`);
    const reason = await whyNotBuilt(folder);
    if (reason !== undefined) throw new Error(`${reason}: run "${HOW_TO_BUILD}" in ${folder}`);
    return new Checkout(folder);
  }

  /** The main file of one of the programs, bundled or built. Throws an Error when there is none. */
  program(name: ProgramName): string {
    const bundled = process.env[BUNDLED_PROGRAMS_VARIABLE];
    if (bundled !== undefined && this.folder === Checkout.own().folder)
      return join(bundled, BUNDLED_FILES[name]);
    const file = join(this.folder, 'dist', name, 'main.js');
    if (!existsSync(file)) throw new Error(`${file} is missing: run "npm run build" in ${this.folder}`);
    return file;
  }

  /** The commit of the sources, with `+` where they have been changed since; undefined outside of a git repository. */
  async commit(): Promise<string | undefined> {
    const args = ['describe', '--always', '--dirty=+', '--abbrev=12'];
    const options = { cwd: this.folder, timeout: GIT_TIMEOUT_MS };
    return promisify(execFile)('git', args, options).then(
      ({ stdout }) => stdout.trim() || undefined,
      () => undefined,
    );
  }
}

async function packageName(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as { name?: string }).name;
}

async function whyNotBuilt(folder: string): Promise<string | undefined> {
  if (!existsSync(join(folder, 'node_modules'))) return `${folder} has no node_modules`;
  if (!existsSync(join(folder, 'dist'))) return `${folder} has no dist`;
  for (const source of await sources(folder)) {
    const built = join(folder, 'dist', source.replace(/\.ts$/, '.js'));
    const [sourceAtMs, builtAtMs] = [await modifiedAtMs(join(folder, source)), await modifiedAtMs(built)];
    if (builtAtMs === undefined) return `${built} is missing`;
    if (builtAtMs < (sourceAtMs ?? 0)) return `${built} is older than ${source}`;
  }
  return undefined;
}

/** TypeScript files of the programs, relative to `folder`. */
async function sources(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const top of SOURCE_FOLDERS) {
    const names = await readdir(join(folder, top), { recursive: true }).catch(() => []);
    found.push(...names.filter((name) => /(?<!\.d)\.ts$/.test(name)).map((name) => join(top, name)));
  }
  return found.sort();
}

async function modifiedAtMs(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}
